/** The replicated directory of sessions: a local copy fed by watch for reads, compare-and-swap on the store for writes. */
import type { Clock } from '../std/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { KeyValue } from './ports.ts';
import { createLocalCopy, type LocalCopy } from './local-copy.ts';
import { createRecordWriter, type RecordWriter, type UpdateOutcome } from './record-writer.ts';
import { sameOwner, type Owner, type SessionRecord } from './record.ts';

export interface DirectoryConfig {
  /** A session nobody used for so long ends. */
  readonly idleTimeoutMs: number;
  /** `lastSeenAt` is written at most so often; default a twentieth of the idle time-out, 5 s .. 5 min. */
  readonly touchIntervalMs?: number;
  /** Attempts of one read-modify-write before it counts as failed; default 8. */
  readonly casAttemptsMax?: number;
}

export type ClaimOutcome =
  | { readonly type: 'claimed'; readonly record: SessionRecord }
  /** Somebody else was faster; `record` is theirs. */
  | { readonly type: 'lost'; readonly record: SessionRecord }
  | { readonly type: 'gone' };

export interface SessionDirectory {
  /** Commits a new session; false when the id is taken. Resolves only once it is replicated. */
  create(record: SessionRecord, signal?: AbortSignal): Promise<boolean>;
  /** The record as this node knows it; may lag behind a little. */
  local(id: string): SessionRecord | undefined;
  /** The record: this node's copy, and if there is none the store's (linearizable). */
  find(id: string, signal?: AbortSignal): Promise<SessionRecord | undefined>;
  /** The record as it is in the store now (linearizable); use it after a refusal showed the copy to be old. */
  refresh(id: string, signal?: AbortSignal): Promise<SessionRecord | undefined>;
  /** Takes over a session whose epoch is still `epoch`; of several claimants exactly one wins. */
  claim(id: string, epoch: number, owner: Owner, signal?: AbortSignal): Promise<ClaimOutcome>;
  /** Changes a record of this `epoch`; `change` may be called several times. Resolves once replicated. */
  update(
    id: string,
    epoch: number,
    change: (record: SessionRecord) => SessionRecord,
    signal?: AbortSignal,
  ): Promise<UpdateOutcome>;
  /** Records that the session was used, if the last such write is old enough. Never rejects. */
  touch(id: string): void;
  /** Deletes a session; false when there was none. */
  end(id: string, signal?: AbortSignal): Promise<boolean>;
  /** Ends the idle sessions that `mayExpire` allows; returns their ids. Call it every minute or so. */
  expireIdle(
    mayExpire: (record: SessionRecord) => boolean,
    signal?: AbortSignal,
  ): Promise<readonly string[]>;
  /** Sessions per node, from the local copy. */
  counts(): ReadonlyMap<string, number>;
  list(): readonly SessionRecord[];
  readonly size: number;
  /** Called after each change of the local copy; `undefined` = ended. */
  onChange(listener: (id: string, record: SessionRecord | undefined) => void): () => void;
  stop(): void;
}

/** Keys of the directory in the store. */
export const SESSION_PREFIX = '/sessions/';

export interface DirectoryOptions {
  readonly store: KeyValue;
  readonly config: DirectoryConfig;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export function createSessionDirectory(options: DirectoryOptions): SessionDirectory {
  const { store, config, clock } = options;
  const gauge = options.metrics.gauge('sessions_known', 'Sessions in the replicated directory');
  const copy = createLocalCopy(store, SESSION_PREFIX);
  const offExposition = options.metrics.onExposition(() => gauge.set(copy.size));
  const writer = createRecordWriter({
    store,
    clock,
    copy,
    prefix: SESSION_PREFIX,
    attemptsMax: config.casAttemptsMax ?? 8,
  });
  const touchIntervalMs = (): number =>
    config.touchIntervalMs ?? Math.min(300_000, Math.max(5_000, config.idleTimeoutMs / 20));
  const touch = createTouch(copy, writer, clock, touchIntervalMs);

  return {
    create: (record, signal) => writer.swap(record.id, 0, record, signal),
    local: (id) => copy.get(id)?.record,
    find: async (id, signal) => (copy.get(id) ?? (await writer.read(id, signal)))?.record,
    refresh: async (id, signal) => (await writer.read(id, signal))?.record,
    async claim(id, epoch, owner, signal) {
      const claimed = await writer.modify(
        id,
        epoch,
        (record) => ({ ...record, owner, epoch: epoch + 1, lastSeenAt: clock.wall() }),
        signal,
      );
      if (claimed.type === 'updated') return { type: 'claimed', record: claimed.record };
      if (claimed.type === 'gone') return claimed;
      // A claim whose answer was lost may have been ours: the store says so by the owner.
      const { record } = claimed;
      const ours = record.epoch === epoch + 1 && sameOwner(record.owner, owner);
      return { type: ours ? 'claimed' : 'lost', record };
    },
    update: writer.modify,
    touch,
    end: writer.remove,
    async expireIdle(mayExpire, signal) {
      const ended: string[] = [];
      const limit = clock.wall() - config.idleTimeoutMs - touchIntervalMs();
      for (const [id, { record, modRevision }] of copy.entries()) {
        if (record.lastSeenAt > limit || !mayExpire(record)) continue;
        // Compared with the revision that was judged: a use in the meantime saves the session.
        if (await writer.swap(id, modRevision, undefined, signal)) ended.push(id);
      }
      return ended;
    },
    counts: () => copy.counts(),
    list: () => [...copy.entries()].map(([, entry]) => entry.record),
    get size() {
      return copy.size;
    },
    onChange: (listener) => copy.onChange(listener),
    stop() {
      offExposition();
      copy.stop();
    },
  };
}

function createTouch(
  copy: LocalCopy,
  writer: RecordWriter,
  clock: Clock,
  touchIntervalMs: () => number,
): (id: string) => void {
  /** Monotonic time of the latest touch here, for the sessions used here. */
  const touched = new Map<string, number>();
  copy.onChange((id, record) => {
    if (record === undefined) touched.delete(id);
  });
  return (id) => {
    const entry = copy.get(id);
    const now = clock.monotonic();
    const last = touched.get(id);
    const intervalMs = touchIntervalMs();
    if (entry === undefined || (last !== undefined && now - last < intervalMs)) return;
    touched.set(id, now);
    // The first use on this node writes only when the replicated time is old.
    if (clock.wall() - entry.record.lastSeenAt < intervalMs) return;
    const seen = (record: SessionRecord): SessionRecord => ({
      ...record,
      lastSeenAt: Math.max(record.lastSeenAt, clock.wall()),
    });
    // Not urgent and repeated by later use, so a failure is nobody's problem.
    writer.modify(id, entry.record.epoch, seen).catch(() => touched.delete(id));
  };
}
