/**
 * The stream of a POST whose owner is gone. What the owner sent last lies at other pods as copies, and what it had not sent will
 * never come: so the client is told at once, and need not wait until somebody has taken the session over.
 */
import { parseBody } from '../../mcp/index.ts';
import { refused, StreamInterrupted, type OwnerReply } from '../exchange.ts';
import { unanswered } from '../owner/past.ts';
import type { EventId, HeldEpoch, OutgoingEvent } from '../ports.ts';
import { lostText, noteLost } from './lost-request.ts';
import type { FailoverOptions, Pursuit } from './pursuit.ts';
import { ownerStateOf } from './route.ts';

/** Asks the pods for what they keep of a session's epochs before `epoch`. Never rejects. */
export type FetchPast = (sessionId: string, epoch: number) => Promise<readonly HeldEpoch[]>;

/** What is to be said of the stream that `pursuit` goes on with; undefined when only an owner can say it. */
export async function settleLostStream(
  options: FailoverOptions,
  pursuit: Pursuit,
): Promise<OwnerReply | undefined> {
  const from = resumePointOf(options, pursuit);
  if (from === undefined || pursuit.settled || !isOver(options, pursuit, from)) return undefined;
  pursuit.settled = true;
  const { sessions } = options;
  const held = await options.fetchPast(pursuit.sessionId, from.epoch + 1);
  const rest = sessions.heldAfter(held, from);
  const isComplete = rest.some(({ id }) => sessions.parseEventId(id)?.final === true);
  if (isComplete) return streamOf(rest);
  // This front has the request, and judges it when there is no more of its stream.
  if (pursuit.op === 'resume') {
    const end = new StreamInterrupted('request-lost');
    return rest.length === 0 ? refused('request-lost', true) : streamOf(rest, end);
  }
  if (mayRunAgain(options, pursuit, sessions.heldRequest(held, from))) return undefined;
  const lost = unanswered(from.requestIds, sessions.heldAfter(held, { ...from, sequence: 0 }));
  noteLost(options, pursuit, 'request-lost');
  const id = sessions.finalEventId(rest.at(-1)?.id ?? pursuit.lastEventId ?? '');
  return streamOf([...rest, { id, data: lostText(lost) }]);
}

/** Where the stream of a POST goes on. */
function resumePointOf({ sessions }: FailoverOptions, pursuit: Pursuit): EventId | undefined {
  if (pursuit.op !== 'resume' && pursuit.op !== 'get') return undefined;
  const { lastEventId } = pursuit;
  const from = lastEventId === undefined ? undefined : sessions.parseEventId(lastEventId);
  return from?.stream === 0 ? undefined : from;
}

/** Nobody serves the epoch any more in which the stream began. */
function isOver({ sessions, cluster }: FailoverOptions, pursuit: Pursuit, from: EventId): boolean {
  const record = sessions.directory.local(pursuit.sessionId) ?? pursuit.record;
  if (record === undefined || record.epoch < from.epoch) return false;
  if (record.epoch > from.epoch || pursuit.released?.epoch === from.epoch) return true;
  return ownerStateOf(cluster, record.owner) === 'gone';
}

/** What was kept of the request, if anything, might be run anew by the next owner. */
function mayRunAgain(
  { sessions, knownTools }: FailoverOptions,
  { sessionId, record }: Pursuit,
  request: string | undefined,
): boolean {
  const parsed = request === undefined ? undefined : parseBody(request);
  if (parsed?.ok !== true) return false;
  return (
    knownTools.mayRepeat(parsed.value, sessions.directory.local(sessionId) ?? record) !== false
  );
}

/** A stream of these events, which then ends, or breaks off. */
function streamOf(events: readonly OutgoingEvent[], end?: StreamInterrupted): OwnerReply {
  async function* each(): AsyncGenerator<OutgoingEvent> {
    yield* events;
    if (end !== undefined) throw end;
  }
  return { type: 'stream', headers: {}, events: each() };
}
