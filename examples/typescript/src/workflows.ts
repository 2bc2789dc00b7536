import { byNexus, place, type OutboundCallRequest } from './aftercall';

export interface Announced {
  status: string;
  attempt: number;
  recording?: string;
}

/** Calls a customer, once more through another caller ID if that fails, and waits for the recording. All by Nexus. */
export async function announceByNexus(order: string, to: string): Promise<Announced> {
  const aftercall = byNexus();
  const outcome = await aftercall.executeOperation('placeCall', { ...request(order, to), callRecording: true }, { scheduleToCloseTimeout: '1h' });
  const announced = { status: outcome.status, attempt: outcome.attempt ?? 0 };
  if (!outcome.callId || !to.endsWith('05')) return announced;
  const recording = await aftercall.executeOperation('awaitRecording', { callId: outcome.callId }, { scheduleToCloseTimeout: '73h' });
  return { ...announced, recording: recording.status };
}

/** The same call by plain messages, for a workflow in aftercall's own namespace. */
export async function announceByMessages(order: string, to: string): Promise<Announced> {
  const outcome = await place(request(order, to));
  return { status: outcome.status, attempt: outcome.attempt ?? 0 };
}

function request(order: string, to: string): OutboundCallRequest {
  return {
    referenceId: order, to, callerId: '+966115219000', secondaryCallerId: '+966115219001', type: 'tts', tts: { text: 'Your order is here.' },
  };
}
