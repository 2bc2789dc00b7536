// A TypeScript client made from openapi.json and nothing else: it places a call, waits for its outcome, finds it in the
// lists and listens to its recording. Whatever does not fit the description does not compile, or fails here.
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./build/api.js";

const baseUrl = process.env.AFTERCALL_API_URL;
const key = process.env.AFTERCALL_API_KEY;
assert(baseUrl && key, "AFTERCALL_API_URL and AFTERCALL_API_KEY are needed");
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });

// value is the data of an answer that is no error.
function value<T>(answer: { data?: T; error?: components["schemas"]["Problem"]; response: Response }): T {
  assert(answer.data !== undefined, `${answer.response.url}: ${answer.error?.title ?? answer.response.status}`);
  return answer.data;
}

// place
const referenceId = `ts-${randomUUID().slice(0, 8)}`;
const placed = value(
  await api.POST("/v1/outbound-calls", {
    body: { referenceId, to: "+966500000005", callerId: "+966112000000", type: "tts", tts: { text: "Hello" } },
  }),
);
assert.equal(placed.workflowId, `outbound:${referenceId}`);

// wait
const request = value(
  await api.GET("/v1/outbound-calls/{referenceId}", { params: { path: { referenceId }, query: { wait: "45s" } } }),
);
assert.equal(request.outcome?.status, "COMPLETED");
const callId = request.outcome.callKey;
assert(callId);

// list: what Temporal's visibility knows comes a moment later
async function listed(find: () => Promise<boolean>, what: string): Promise<void> {
  for (let until = Date.now() + 30_000; Date.now() < until; await new Promise((next) => setTimeout(next, 250))) {
    if (await find()) return;
  }
  assert.fail(`${what} is in no list`);
}
await listed(async () => {
  const page = value(await api.GET("/v1/outbound-calls", { params: { query: { referenceId, status: "COMPLETED" } } }));
  return page.items.some((item) => item.referenceId === referenceId);
}, referenceId);
await listed(async () => {
  const page = value(await api.GET("/v1/calls", { params: { query: { referenceId, limit: 10 } } }));
  return page.items.some((item) => item.callKey === callId);
}, callId);
const events = value(await api.GET("/v1/calls/{callId}/events", { params: { path: { callId } } }));
assert(events.items.some((event) => event.disposition === "accepted"));

// listen
const recording = value(
  await api.GET("/v1/recordings/{callId}", { params: { path: { callId }, query: { wait: "45s" } } }),
);
assert.equal(recording.status, "STORED");
const audio = value(
  await api.GET("/v1/recordings/{callId}/audio", { params: { path: { callId } }, parseAs: "arrayBuffer" }),
);
assert.equal(createHash("sha256").update(new Uint8Array(audio)).digest("hex"), recording.sha256);

// and what goes wrong is typed, too
const refused = await api.POST("/v1/outbound-calls", {
  body: { referenceId: `${referenceId}-x`, to: "0500", callerId: "+966112000000", type: "tts", tts: { text: "Hello" } },
});
assert.equal(refused.response.status, 422);
assert.equal(refused.error?.type, "/problems/invalid-request");
assert(refused.error.errors?.some((fault) => fault.field === "to"));

console.log(`placed ${referenceId}, waited, listed, heard ${audio.byteLength} bytes`);
