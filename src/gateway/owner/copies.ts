/**
 * Copies of the events that this pod's sessions send, on the pods that shall have them when this one dies. The session's own
 * buffer is the queue: a pod that lags is sent what is still kept there, so nothing else has to be bounded.
 *
 * What is guaranteed: an event goes to the client and to the copies at the same time, neither waits for the other. It is lost
 * only if this pod dies before either has it: within {@link BATCH_INTERVAL_MS} and the way to the other pod. Then the request
 * is answered with the error that says so; no event is ever sent twice.
 */
import { createBackoff, delay, withinTime } from '../../std/index.ts';
import type { OwnerReply, OwnerRequest } from '../exchange.ts';
import type { Cluster, EventLog, HeldEpoch, Member } from '../ports.ts';
import { encodeCopies, type CopiedSession } from './copy-wire.ts';
import type { OwnerTools } from './session-state.ts';

/** A pod is sent at most one batch in so long, so that a busy one gets many events with each. */
const BATCH_INTERVAL_MS = 5;
/** Data in one batch, in UTF-16 units. A longer event is not copied: it is lost with this pod unless its client has it. */
const BATCH_LENGTH_MAX = 1024 * 1024;
const BATCH_TIMEOUT_MS = 2_000;

/** A session as far as copies are concerned. */
export interface Copied {
  readonly id: string;
  readonly epoch: number;
  readonly log: Pick<EventLog, 'since'>;
}

export interface Copies {
  /** The session's log has news. */
  changed(session: Copied): void;
  /** The session is not served here any more. */
  release(session: Copied): void;
  stop(): void;
}

/** What an earlier owner sent: its other copy may have died with it, so it is copied again. */
export function copiedPast(id: string, held: HeldEpoch): Copied {
  const { epoch, delivered } = held;
  return {
    id,
    epoch,
    log: {
      since(position, bytesMax) {
        let room = bytesMax;
        const events = held.events.slice(position).filter((event, index) => {
          room -= event.data.length;
          return room >= 0 || index === 0;
        });
        const next = position + events.length;
        // One step more at the end, so that what was delivered is told even when there are no events.
        const end = held.events.length;
        return { events, delivered, position: next >= end ? end + 1 : next };
      },
    },
  };
}

export interface CopiesOptions {
  readonly tools: Pick<OwnerTools, 'sessions' | 'metrics' | 'clock' | 'random' | 'logger'>;
  readonly cluster: Cluster;
  readonly askPeer: AskPeer;
}

/** Asks the gateway of another pod. Never rejects. */
export type AskPeer = (
  member: Member,
  request: OwnerRequest,
  signal: AbortSignal,
) => Promise<OwnerReply>;

/** One incarnation of another pod. */
interface Target {
  readonly member: Member;
  /** How far the copies there are. */
  readonly positions: Map<Copied, number>;
  readonly behind: Set<Copied>;
  sending: boolean;
}

export function createCopies(options: CopiesOptions): Copies {
  const { tools, cluster } = options;
  const stopped = new AbortController();
  const sessions = new Set<Copied>();
  let targets = new Map<string, Target>();

  const send = (target: Target): void => {
    if (target.sending || stopped.signal.aborted) return;
    target.sending = true;
    sendAll(options, target, () => targets.get(keyOf(target.member)) === target, stopped.signal)
      .catch((error: unknown) => tools.logger.debug('copying ended', { error: String(error) }))
      .finally(() => {
        target.sending = false;
      });
  };
  const changed = (session: Copied): void => {
    sessions.add(session);
    const nodes = [...targets.values()].map(({ member }) => member.node);
    const holders = tools.sessions.chooseHolders(session.id, nodes);
    for (const target of targets.values()) {
      if (!holders.includes(target.member.node)) continue;
      target.behind.add(session);
      send(target);
    }
    tools.metrics.copiesBehind.set(behindIn(targets));
  };
  const look = (): void => {
    const others = cluster.members().filter(({ node }) => node !== cluster.self.node);
    const same = others.length === targets.size && others.every((one) => targets.has(keyOf(one)));
    if (same) return;
    const fresh = (member: Member): Target => ({
      ...{ member, positions: new Map<Copied, number>(), behind: new Set<Copied>() },
      sending: false,
    });
    targets = new Map(others.map((one) => [keyOf(one), targets.get(keyOf(one)) ?? fresh(one)]));
    // Whoever is to hold a session from now on gets all that is kept of it.
    for (const session of sessions) changed(session);
  };
  look();
  const offChange = cluster.onChange(look);
  return {
    changed,
    release(session) {
      sessions.delete(session);
      for (const target of targets.values()) {
        target.positions.delete(session);
        target.behind.delete(session);
      }
    },
    stop() {
      offChange();
      stopped.abort();
    },
  };
}

const keyOf = (member: Member): string => `${member.node}/${member.instance}`;

const behindIn = (targets: ReadonlyMap<string, Target>): number =>
  [...targets.values()].reduce((sum, target) => sum + target.behind.size, 0);

/** Sends until the target has everything, or is none any more. */
async function sendAll(
  options: CopiesOptions,
  target: Target,
  current: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger, metrics, random } = options.tools;
  const backoff = createBackoff({ initialMs: 50, maxMs: 2_000 }, random);
  const skipped = ({ id }: Copied, events: number): void => {
    metrics.uncopied.inc({}, events);
    const { node } = target.member;
    logger.warn('events too long to be copied', { session: id, node, events, BATCH_LENGTH_MAX });
  };
  while (target.behind.size > 0 && current()) {
    const startedAt = clock.monotonic();
    const batch = collect(target, skipped);
    const well = batch.length === 0 || (await sendBatch(options, target, batch, signal));
    if (well) {
      backoff.reset();
      for (const { session, position } of batch)
        if (target.positions.has(session)) target.positions.set(session, position);
      metrics.copySeconds.observe((clock.monotonic() - startedAt) / 1000);
    } else for (const { session } of batch) target.behind.add(session);
    const restMs = well ? startedAt + BATCH_INTERVAL_MS - clock.monotonic() : backoff.next();
    if (restMs > 0) await delay(clock, restMs, signal);
  }
}

type Batch = (CopiedSession & { readonly session: Copied; readonly position: number })[];

function collect(target: Target, onSkipped: (session: Copied, events: number) => void): Batch {
  const batch: Batch = [];
  let room = BATCH_LENGTH_MAX;
  for (const session of target.behind) {
    if (room <= 0) break;
    const from = target.positions.get(session) ?? 0;
    const { position, delivered, events } = session.log.since(from, room);
    target.positions.set(session, from);
    if (position === from) {
      target.behind.delete(session);
      continue;
    }
    const kept = events.filter((event) => event.data.length <= BATCH_LENGTH_MAX);
    if (kept.length < events.length) onSkipped(session, events.length - kept.length);
    for (const event of kept) room -= event.data.length;
    const { id, epoch } = session;
    batch.push({ session, position, id, epoch, delivered, events: kept });
  }
  return batch;
}

async function sendBatch(
  { tools, askPeer }: CopiesOptions,
  target: Target,
  batch: Batch,
  signal: AbortSignal,
): Promise<boolean> {
  const body = encodeCopies(batch);
  const asked = (limit: AbortSignal) =>
    askPeer(target.member, { op: 'replicate', sessionId: '', epoch: 0, headers: {}, body }, limit);
  const reply = await withinTime(tools.clock, BATCH_TIMEOUT_MS, asked, signal);
  const well = reply.type === 'plain' && reply.status === 200;
  if (well)
    tools.metrics.copied.inc(
      {},
      batch.reduce((sum, { events }) => sum + events.length, 0),
    );
  else tools.metrics.copyFailures.inc();
  return well;
}
