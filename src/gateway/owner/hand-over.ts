/** A pod that leaves gives its sessions to others, one by one, so that their clients find them there. */
import { readMessages } from '../../mcp/index.ts';
import { delay, withinTime } from '../../std/index.ts';
import type { ClaimReason } from '../core/types.ts';
import type { Refusal } from '../exchange.ts';
import { refused, type OwnerRequest } from '../exchange.ts';
import type { Cluster, Member } from '../ports.ts';
import type { AskPeer } from './copies.ts';
import type { OwnerTools, SessionState } from './session-state.ts';

/** Sessions that are being given away at the same time: enough to keep the agreement of the cluster busy. */
const HAND_OVERS_MAX = 16;
/** Pods that are asked to take one session. */
const ATTEMPTS_MAX = 3;
/** While a session waits for its running requests, new ones are held back for so long, so that it comes to rest. */
const HOLD_MS = 2_000;
const POLL_MS = 10;

/** What became of a pod's sessions. */
export interface HandedOver {
  /** Another pod has them. */
  readonly moved: number;
  /** No other pod takes any: who is asked for them next takes them over. */
  readonly released: number;
  /** Requests still ran when the time was over; they are told so. */
  readonly cut: number;
}

export interface Leaving {
  sessions(): readonly SessionState[];
  /** Requests that were let in before and may yet bring a session. */
  arriving(): number;
}

export interface HandOver {
  /** Gives every session away; resolves when none is left, after `handOverMs`, or when `signal` takes it back. */
  drain(all: Leaving, signal?: AbortSignal): Promise<HandedOver>;
  /** A request for a session that is on its way out: undefined when it is served here all the same. */
  meet(state: SessionState, request: OwnerRequest): Promise<Refusal | undefined>;
}

export interface HandOverOptions {
  readonly tools: OwnerTools;
  readonly cluster: Cluster;
  readonly askPeer: AskPeer;
  /** The pod that shall take a session, if there is one beside those to avoid. */
  readonly place: (avoid: ReadonlySet<string>) => string | undefined;
}

export function createHandOver(options: HandOverOptions): HandOver {
  const { tools } = options;
  const { clock, timing } = tools;
  const leaving = new Map<SessionState, Promise<void>>();
  const counts = { moved: 0, released: 0, cut: 0 };
  /** What runs at a server that does not answer will not end: its session is better off elsewhere. */
  const isAtRest = ({ inFlight }: SessionState): boolean =>
    inFlight === 0 || !tools.upstream.ready();
  /** A session goes once, whoever asks first. */
  const go = (state: SessionState): Promise<void> => {
    const known = leaving.get(state);
    if (known !== undefined) return known;
    const promise = giveAway(options, state)
      .then((result) => void (result !== undefined && (counts[result] += 1)))
      .finally(() => leaving.delete(state));
    leaving.set(state, promise);
    return promise;
  };
  return {
    async drain({ sessions, arriving }, signal) {
      const deadline = clock.monotonic() + timing.handOverMs;
      // A session is seen to be elsewhere before whoever has it says so.
      const isOver = (): boolean => sessions().length + leaving.size + arriving() === 0;
      while (!isOver() && clock.monotonic() < deadline) {
        for (const state of sessions()) {
          if (leaving.size >= HAND_OVERS_MAX) break;
          if (isAtRest(state)) void go(state);
        }
        await Promise.race([...leaving.values(), delay(clock, POLL_MS)]);
        if (signal?.aborted === true) return { ...counts };
      }
      for (const state of sessions()) {
        state.close('draining');
        counts.cut += 1;
      }
      return { ...counts };
    },
    async meet(state, request) {
      if (isPartOfRunning(state, request)) return undefined;
      const heldUntil = clock.monotonic() + HOLD_MS;
      while (!isAtRest(state) && state.closed === undefined) {
        if (clock.monotonic() > heldUntil) return undefined;
        await delay(clock, POLL_MS, state.signal).catch(() => undefined);
      }
      if (state.closed === undefined) await go(state);
      return refused(state.closed ?? 'draining', false);
    },
  };
}

/** Answers and notifications belong to requests that run here; so does whoever reads their streams. */
export function isPartOfRunning(state: SessionState, { op, parsed, body }: OwnerRequest): boolean {
  if (state.closed !== undefined || state.inFlight === 0) return false;
  const messages = op === 'post' ? (parsed?.messages ?? readMessages(body)) : [];
  return messages?.every((item) => item.kind !== 'request') === true;
}

/** True when `member` has taken the session, which then is closed here. Never rejects. */
export async function offer(
  { tools, askPeer }: Pick<HandOverOptions, 'tools' | 'askPeer'>,
  state: SessionState,
  member: Member,
  claim: ClaimReason,
): Promise<boolean> {
  const { id: sessionId, epoch, clientHeaders: headers } = state;
  const reply = await withinTime(tools.clock, tools.timing.failoverMs, (limit) =>
    askPeer(member, { op: 'take', claim, sessionId, epoch, headers, body: '' }, limit),
  );
  const taken = reply.type === 'plain' && reply.status === 200;
  if (taken) state.close('not-owner');
  else tools.logger.warn('session not taken', { session: sessionId, node: member.node });
  return taken;
}

/** Never rejects; the session is closed afterwards, whoever has it. Undefined: it ended by itself meanwhile. */
async function giveAway(
  options: HandOverOptions,
  state: SessionState,
): Promise<'moved' | 'released' | undefined> {
  const { tools, cluster } = options;
  const avoid = new Set([cluster.self.node]);
  for (let attempt = 0; attempt < ATTEMPTS_MAX && state.closed === undefined; attempt++) {
    const node = options.place(avoid);
    const member = cluster.members().find((other) => other.node === node);
    if (member === undefined) break;
    if (await offer(options, state, member, 'owner-draining')) {
      tools.metrics.handedOver.inc({ result: 'moved' });
      return 'moved';
    }
    avoid.add(member.node);
  }
  // Whoever asks for it next has it taken over.
  if (state.closed !== undefined) return undefined;
  tools.metrics.handedOver.inc({ result: 'released' });
  state.close('draining');
  return 'released';
}
