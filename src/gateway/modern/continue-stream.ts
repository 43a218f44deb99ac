/** Keeps the client's stream open while the pod that feeds it is lost and another one answers the request again. */
import { isJsonObject, readMessages } from '../../mcp/index.ts';
import { StreamInterrupted, type PlainReply, type Reply, type StreamReply } from '../exchange.ts';
import { wholeReply } from '../pass-body.ts';
import type { OutgoingEvent } from '../ports.ts';
import { isAnswer } from './events.ts';
import { afterRefusal, pursue, type Errand, type StatelessOptions } from './pursue.ts';

/**
 * The events up to the answer. When the stream breaks before it, the request is repeated if that does no harm, and the stream
 * goes on; otherwise its last event is the error. A client whose stream just ends would wait for its own time-out.
 */
export async function* continueStream(
  options: StatelessOptions,
  errand: Errand,
  first: StreamReply,
): AsyncGenerator<OutgoingEvent> {
  const progress = createProgressFilter();
  let current: Reply = first;
  while (current.type === 'stream') {
    const interrupted = yield* pass(current, progress);
    if (interrupted === undefined || errand.exchange.signal.aborted) return;
    const refusal = { type: 'refused', code: interrupted.code, sent: true } as const;
    const verdict: PlainReply | undefined = afterRefusal(options, errand, refusal);
    current = verdict ?? (await pursue(options, errand));
  }
  yield { id: '', data: (await wholeReply(current)).body };
}

/** Passes events on; returns why there was no answer among them, or undefined when there was. */
async function* pass(
  reply: StreamReply,
  isNews: (data: string) => boolean,
): AsyncGenerator<OutgoingEvent, StreamInterrupted | undefined> {
  try {
    for await (const event of reply.events) {
      if (!isNews(event.data)) continue;
      yield event;
      if (isAnswer(event.data)) return undefined;
    }
    return new StreamInterrupted('request-lost', 'the stream ended without an answer');
  } catch (error) {
    if (error instanceof StreamInterrupted) return error;
    throw error;
  }
}

/** Progress may only grow: what a repeated request reports anew is held back until it is further than before. */
function createProgressFilter(): (data: string) => boolean {
  let reached = -Infinity;
  return (data) => {
    const [item] = data.includes('notifications/progress') ? (readMessages(data) ?? []) : [];
    if (item?.kind !== 'notification' || item.message.method !== 'notifications/progress')
      return true;
    const { params } = item.message;
    const progress = isJsonObject(params) ? params['progress'] : undefined;
    if (typeof progress !== 'number') return true;
    if (progress <= reached) return false;
    reached = progress;
    return true;
  };
}
