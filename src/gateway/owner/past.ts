/** What earlier owners of a session had sent, or were about to send, when a client resumes at this one. */
import { parseBody, readMessages, type RequestId } from '../../mcp/index.ts';
import { withinTime, type Clock } from '../../std/index.ts';
import {
  refused,
  StreamInterrupted,
  type OwnerReply,
  type OwnerRequest,
  type StreamReply,
} from '../exchange.ts';
import { wholeReply } from '../pass-body.ts';
import type { Cluster, EventId, HeldEpoch, OutgoingEvent, Sessions } from '../ports.ts';
import type { AskPeer } from './copies.ts';
import { decodeCopies, encodeCopies } from './copy-wire.ts';
import { mayRepeat } from './lists.ts';
import { lostRequestText, pendingRequests, servePost } from './post.ts';
import { copyPast, openReader, type SessionState } from './session-state.ts';

/** How long the other pods have to tell which events they keep; one that died without a word must not hold up the rest. */
const ASK_MS = 500;

export interface PastOptions {
  readonly sessions: Sessions;
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly askPeer: AskPeer;
}

/** Asks every other pod which events of earlier epochs it has; what they say is kept here from then on. Never rejects. */
export async function fetchPast(
  { sessions, cluster, clock, askPeer }: PastOptions,
  sessionId: string,
  epoch: number,
): Promise<readonly HeldEpoch[]> {
  const others = cluster.members().filter(({ node }) => node !== cluster.self.node);
  const answers = await Promise.all(
    others.map(async (member): Promise<readonly HeldEpoch[]> => {
      const reply = await withinTime(clock, ASK_MS, (limit) =>
        askPeer(member, { op: 'held', sessionId, epoch, headers: {}, body: '' }, limit),
      );
      return reply.type === 'plain' ? (decodeCopies(reply.body) ?? []) : [];
    }),
  );
  const past = sessions
    .mergeHeld([sessions.held.of(sessionId), ...answers])
    .filter((held) => held.epoch < epoch);
  for (const held of past) sessions.held.put(sessionId, held);
  return past;
}

/** The answer to `held`: the copies, and the log of a session that is still served here. */
export function tellHeld(sessions: Sessions, sessionId: string, live?: SessionState): string {
  const held = sessions.held.of(sessionId).map((epoch) => ({ ...epoch, id: sessionId }));
  const own =
    live === undefined
      ? []
      : [{ ...live.log.since(0, Infinity), id: sessionId, epoch: live.epoch }];
  return encodeCopies([...held, ...own]);
}

/**
 * Goes on with a POST's stream of an earlier owner for a client that has lost its connection, too: what is left of it, the
 * request run anew where that does no harm, or else an error for everything that the stream will never answer.
 */
export async function resumePast(
  state: SessionState,
  request: OwnerRequest,
  resumed: EventId,
  signal: AbortSignal,
): Promise<OwnerReply> {
  // A front looks at the copies itself before it asks anybody but the stream's own owner, who does not know the stream then.
  if (request.op === 'resume') return refused('request-lost', true);
  const held = resumed.epoch < state.epoch ? await state.past() : [];
  if (state.closed !== undefined) return refused(state.closed, true);
  const { sessions } = state.tools;
  const rest = sessions.heldAfter(held, resumed);
  const complete = rest.some((event) => sessions.parseEventId(event.id)?.final === true);
  if (complete) return { type: 'stream', headers: {}, events: each(rest) };
  const again = await runAgain(state, request, sessions.heldRequest(held, resumed), signal);
  if (again !== undefined) return { ...again, events: precededBy(rest, again.events) };
  const whole = sessions.heldAfter(held, { ...resumed, sequence: 0 });
  return answerLost(state, { rest, lost: unanswered(resumed.requestIds, whole) }, signal);
}

/** A request that does no harm is run anew on this owner's server, and its client reads on as if nothing had been. */
async function runAgain(
  state: SessionState,
  request: OwnerRequest,
  body: string | undefined,
  signal: AbortSignal,
): Promise<StreamReply | undefined> {
  const parsed = body === undefined ? undefined : parseBody(body);
  if (body === undefined || parsed?.ok !== true || !(await mayRepeat(state, parsed.value)))
    return undefined;
  state.tools.metrics.retries.inc();
  const reply = await servePost(state, { ...request, op: 'post', body }, parsed.value, signal);
  if (reply.type === 'stream') return reply;
  if (reply.type === 'refused') throw new StreamInterrupted(reply.code);
  const { status, body: text } = await wholeReply(reply);
  if (status !== 200) return undefined;
  const stream = state.log.open([...pendingRequests(parsed.value).keys()]);
  const reader = openReader(state, stream, signal);
  state.log.append(stream, text, true);
  return reader && { type: 'stream', headers: {}, events: reader.events };
}

/** Events of the standalone stream that a client has missed: those after its resume point, or those nobody has read. */
export async function missedEvents(
  state: SessionState,
  resumed: EventId | undefined,
): Promise<readonly OutgoingEvent[]> {
  if (state.epoch === 1 || (resumed !== undefined && resumed.epoch >= state.epoch)) return [];
  const held = await state.past();
  const { sessions } = state.tools;
  const unread = state.pastRead ? [] : sessions.heldUnread(held);
  if (!state.pastRead) noteRead(state, held);
  return resumed === undefined ? unread : sessions.heldAfter(held, resumed);
}

/** Each message goes on one stream: only the first reader after a move is told what nobody had read, also after more moves. */
function noteRead(state: SessionState, held: readonly HeldEpoch[]): void {
  state.pastRead = true;
  const read = held.map(({ epoch }) => ({
    ...{ epoch, delivered: Number.MAX_SAFE_INTEGER },
    events: [],
  }));
  for (const each of read) state.tools.sessions.held.put(state.id, each);
  copyPast(state, read);
}

/** The same events with `before` in front. */
export async function* precededBy(
  before: readonly OutgoingEvent[],
  events: AsyncIterable<OutgoingEvent>,
): AsyncGenerator<OutgoingEvent> {
  yield* before;
  yield* events;
}

/** Those of the requests of a stream that none of its events answers. */
export function unanswered(
  requestIds: readonly RequestId[],
  events: readonly OutgoingEvent[],
): readonly RequestId[] {
  const answered = new Set(
    events
      .flatMap(({ data }) => readMessages(data) ?? [])
      .flatMap((item) => (item.kind === 'response' ? [item.message.id] : [])),
  );
  return requestIds.filter((id) => !answered.has(id));
}

/** The stream died with an earlier owner: every request it should have answered gets an error, and the stream its end. */
function answerLost(
  state: SessionState,
  { rest, lost }: { rest: readonly OutgoingEvent[]; lost: readonly RequestId[] },
  signal: AbortSignal,
): OwnerReply {
  const stream = state.log.open(lost);
  const reader = openReader(state, stream, signal);
  for (const [index, id] of lost.entries())
    state.log.append(stream, lostRequestText(id), index === lost.length - 1);
  state.tools.metrics.lost.inc({}, lost.length);
  if (reader === undefined) return refused('request-lost', true);
  return { type: 'stream', headers: {}, events: precededBy(rest, reader.events) };
}

async function* each(events: readonly OutgoingEvent[]): AsyncGenerator<OutgoingEvent> {
  yield* events;
}
