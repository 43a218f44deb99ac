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
  let answered = false;
  try {
    // To the end: whoever feeds it is done then, and does not take us for a client that left.
    for await (const event of reply.events) {
      if (answered || !isNews(event.data)) continue;
      answered = isAnswer(event.data);
      yield event;
    }
  } catch (error) {
    if (!(error instanceof StreamInterrupted)) throw error;
    return answered ? undefined : error;
  }
  if (answered) return undefined;
  return new StreamInterrupted('request-lost', 'the stream ended without an answer');
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
