// aftercall as a workflow in TypeScript has it: by Nexus from any namespace, or by an activity and a signal from its own.
import * as workflow from '@temporalio/workflow';
import * as nexus from 'nexus-rpc';

/** What is asked for; the body of POST /v1/outbound-calls has all that there is. */
export interface OutboundCallRequest {
  referenceId: string; // stands in ids, and holds no number
  to: string;
  callerId: string;
  secondaryCallerId?: string;
  type: 'tts' | 'otp' | 'ivr' | 'audioUrl';
  tts?: { text: string };
  callRecording?: boolean;
}

export interface Outcome {
  callId?: string;
  callKey: string;
  status: string; // COMPLETED, BUSY, NO_ANSWER, …; UNKNOWN is one too
  revision: number;
}

export interface OutboundOutcome extends Outcome {
  referenceId: string;
  attempt?: number;
}

export interface Recording {
  callKey: string;
  status: string; // STORED, or lost: EXPIRED, MISSING
}

/** The Nexus service. */
export const service = nexus.service('aftercall', {
  placeCall: nexus.operation<OutboundCallRequest, OutboundOutcome>({ name: 'place-call' }),
  awaitOutcome: nexus.operation<{ callId: string }, Outcome>({ name: 'await-outcome' }),
  awaitRecording: nexus.operation<{ callId: string }, Recording>({ name: 'await-recording' }),
});

/** A client of it, for workflow code. The endpoint is that of make dev and Compose. */
export const byNexus = (endpoint = 'aftercall') => workflow.createNexusServiceClient({ endpoint, service });

interface Answer {
  outcome?: OutboundOutcome;
  waitUntil?: string; // by then aftercall will know more: ask again
}

const activities = workflow.proxyActivities<{ Place(request: OutboundCallRequest & { waiter: object; askedAt: string }): Promise<Answer> }>({
  taskQueue: 'aftercall-calls', // of aftercall's workers: ours register nothing
  startToCloseTimeout: '20s',
  cancellationType: workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/**
 * Places a call without Nexus, from a workflow in aftercall's namespace: activity Place, and the signal that it promises.
 * Cancelling it takes the call back, unless somebody else waits for it.
 */
export async function place(request: OutboundCallRequest): Promise<OutboundOutcome> {
  const waiter = { workflowId: workflow.workflowInfo().workflowId, waiter: workflow.uuid4() };
  const askedAt = new Date().toISOString(); // the workflow's time, in workflow code
  let outcome: OutboundOutcome | undefined;
  workflow.setHandler(workflow.defineSignal<[OutboundOutcome]>(`outbound-outcome:${request.referenceId}`), (told) => {
    if (!outcome || told.revision > outcome.revision) outcome = told;
  });
  try {
    for (;;) {
      const answer = await activities.Place({ ...request, waiter, askedAt });
      outcome ??= answer.outcome;
      const until = answer.waitUntil ? Date.parse(answer.waitUntil) - Date.now() : 24 * 3600 * 1000;
      await workflow.condition(() => outcome !== undefined, Math.max(until, 1000));
      if (outcome) return outcome;
    }
  } catch (err) {
    await workflow.CancellationScope.nonCancellable(async () => {
      const call = workflow.getExternalWorkflowHandle(`outbound:${request.referenceId}`);
      await call.signal('unsubscribe', { ...waiter, withdraw: workflow.isCancellation(err) }).catch(() => undefined); // it may be over
    });
    throw err;
  }
}
