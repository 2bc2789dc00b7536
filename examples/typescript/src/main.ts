// A worker with two business workflows, and one run of each. It needs aftercall's Temporal: make dev, or TEMPORAL_ADDRESS.
//
//	npm ci && npm start
import * as path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, DefaultLogger, Worker } from '@temporalio/worker';
import { announceByMessages, announceByNexus } from './workflows';

const address = process.env['TEMPORAL_ADDRESS'] ?? '127.0.0.1:7233';
const namespace = process.env['TEMPORAL_NAMESPACE'] ?? 'default';
const taskQueue = 'typescript';

async function main(): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('WARN') });
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({ connection, namespace, taskQueue, workflowsPath: path.join(__dirname, 'workflows.js') });
  const client = new Client({ connection: await Connection.connect({ address }), namespace });
  await worker.runUntil(async () => {
    const now = Date.now();
    for (const [run, to] of [
      [announceByNexus, '+966500000005'], // recorded
      [announceByNexus, '+966500000004'], // fails from the first caller ID
      [announceByMessages, '+966500000004'],
    ] as const) {
      const order = `${run.name}-${to.slice(-2)}-${now}`;
      const announced = await client.workflow.execute(run, { taskQueue, workflowId: order, args: [order, to] });
      console.log(`${run.name} ${to.slice(-2)}: ${announced.status} in attempt ${announced.attempt}, recording ${announced.recording ?? 'none'}`);
    }
  });
  await connection.close();
  await client.connection.close();
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
