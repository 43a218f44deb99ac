/** Keeps the client's stream open while what feeds it breaks and is found again elsewhere. */
import { HEADER } from '../../mcp/index.ts';
import {
  refused,
  StreamInterrupted,
  type PlainReply,
  type Reply,
  type StreamReply,
} from '../exchange.ts';
import { wholeReply } from '../pass-body.ts';
import type { OutgoingEvent } from '../ports.ts';
import { afterRefusal, pursue, type FailoverOptions, type Pursuit } from './pursuit.ts';

/** The same stream, which goes on after interruptions. */
export function continueStream(
  options: FailoverOptions,
  pursuit: Pursuit,
  reply: StreamReply,
): StreamReply {
  return { ...reply, events: follow(options, pursuit, reply) };
}

/**
 * A GET is answered at once or after a short while, even if its session is still moving: SDK clients try twice to resume
 * a stream, and then never again.
 */
export async function acceptEarly(
  options: FailoverOptions,
  pursuit: Pursuit,
  start: () => Promise<Reply>,
): Promise<Reply> {
  const running = start();
  const timeout = new Promise<undefined>((resolve) => {
    options.clock.schedule(options.timing.acceptStreamMs, () => resolve(undefined));
  });
  const reply = await Promise.race([running, timeout]);
  if (reply !== undefined)
    return reply.type === 'stream' ? continueStream(options, pursuit, reply) : reply;
  running.catch(() => undefined);
  return {
    type: 'stream',
    headers: { [HEADER.sessionId]: pursuit.sessionId },
    events: followLate(options, pursuit, running),
  };
}

async function* followLate(
  options: FailoverOptions,
  pursuit: Pursuit,
  running: Promise<Reply>,
): AsyncGenerator<OutgoingEvent> {
  if (pursuit.lastEventId !== undefined) yield { id: pursuit.lastEventId, data: '' };
  const reply = await running;
  if (reply.type === 'stream') yield* follow(options, pursuit, reply);
}

async function* follow(
  options: FailoverOptions,
  pursuit: Pursuit,
  first: StreamReply,
): AsyncGenerator<OutgoingEvent> {
  let current: Reply = first;
  while (current.type === 'stream') {
    try {
      for await (const event of current.events) {
        pursuit.lastEventId = event.id;
        yield event;
      }
      return;
    } catch (error) {
      if (!(error instanceof StreamInterrupted)) throw error;
      if (pursuit.exchange.signal.aborted) return;
      current = await recover(options, pursuit, error);
    }
  }
  const last = finalEvent(options, pursuit, await wholeReply(current));
  if (last !== undefined) yield last;
}

/** Finds who feeds the stream from now on; a complete answer means that nobody does. */
async function recover(
  options: FailoverOptions,
  pursuit: Pursuit,
  interrupted: StreamInterrupted,
): Promise<Reply> {
  const { directory } = options.sessions;
  pursuit.record = directory.local(pursuit.sessionId) ?? pursuit.record;
  const isGet = pursuit.exchange.method === 'GET';
  // The owner may be well and only the connection broken: then the stream resumes there, without loss.
  if (!isGet) pursuit.op = 'resume';
  const refusal = refused(interrupted.code, !isGet, interrupted.message);
  const node = pursuit.record?.owner.node;
  const verdict = await afterRefusal(options, pursuit, refusal, node);
  if (verdict !== 'again') return verdict;
  return pursue(options, pursuit, isGet ? Infinity : options.timing.failoverMs);
}

/** The answer as the last event of a POST's stream. A GET stream just ends: the session is no more. */
function finalEvent(
  options: FailoverOptions,
  pursuit: Pursuit,
  reply: PlainReply,
): OutgoingEvent | undefined {
  if (pursuit.exchange.method === 'GET' || reply.body === '') return undefined;
  return { id: options.sessions.finalEventId(pursuit.lastEventId ?? ''), data: reply.body };
}
