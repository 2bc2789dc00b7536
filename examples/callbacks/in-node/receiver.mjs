// Takes aftercall's callbacks: a signature that fits, each message once.
//
//   SECRET=whsec_… node receiver.mjs 9000
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

const webhook = new Webhook(process.env.SECRET);
const taken = new Set(); // keep the ids where you keep what you take, in one transaction

const server = createServer(async (request, response) => {
  let text = '';
  for await (const part of request) text += part;
  try {
    webhook.verify(text, request.headers); // the bytes as they came, never JSON that was written anew
  } catch {
    return response.writeHead(401).end();
  }
  const id = request.headers['webhook-id'];
  if (!taken.has(id)) {
    const { type, data } = JSON.parse(text);
    console.log(type, JSON.stringify(data)); // yours: store it, go by its revision
    taken.add(id);
  }
  response.writeHead(204).end();
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listens on', `127.0.0.1:${server.address().port}`));
