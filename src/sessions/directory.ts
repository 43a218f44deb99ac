/** The replicated directory of sessions: a local copy fed by watch for reads, compare-and-swap on the store for writes. */
import { delay, type Clock } from '../std/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { KeyValue } from './ports.ts';
import { encodeRecord, sameOwner, type Owner, type SessionRecord } from './record.ts';
import { createLocalCopy, type Entry } from './local-copy.ts';

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

export type UpdateOutcome =
  | { readonly type: 'updated'; readonly record: SessionRecord }
  /** Another epoch owns the session now. */
  | { readonly type: 'superseded'; readonly record: SessionRecord }
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
  const casAttemptsMax = config.casAttemptsMax ?? 8;
  const touchIntervalMs =
    config.touchIntervalMs ?? Math.min(300_000, Math.max(5_000, config.idleTimeoutMs / 20));
  const gauge = options.metrics.gauge('sessions_known', 'Sessions in the replicated directory');
  const copy = createLocalCopy(store, SESSION_PREFIX, (size) => gauge.set(size));
  /** Monotonic time of the latest touch this node wrote, for the sessions it touched. */
  const touched = new Map<string, number>();
  copy.onChange((id, record) => {
    if (record === undefined) touched.delete(id);
  });
  const key = (id: string): string => SESSION_PREFIX + id;

  /** Writes `value` (undefined = delete) if the key is still at `modRevision`. */
  const swap = async (
    id: string,
    modRevision: number,
    record: SessionRecord | undefined,
    signal?: AbortSignal,
  ): Promise<boolean> => {
    const result = await store.txn(
      {
        compare: [{ key: key(id), target: 'modRevision', operator: '=', operand: modRevision }],
        success: [
          record === undefined
            ? { type: 'delete', selector: { key: key(id) } }
            : { type: 'put', key: key(id), value: encodeRecord(record) },
        ],
      },
      signal,
    );
    if (result.succeeded) copy.absorb(id, record, result.revision);
    return result.succeeded;
  };

  const read = async (id: string, signal?: AbortSignal): Promise<Entry | undefined> => {
    const item = await store.get(key(id), signal);
    return item === undefined ? copy.forget(id) : copy.take(item);
  };

  /** Read-modify-write: first on the local copy, after a conflict on the store's state. */
  const modify = async (
    id: string,
    epoch: number,
    change: (record: SessionRecord) => SessionRecord,
    signal?: AbortSignal,
  ): Promise<UpdateOutcome> => {
    let entry = copy.get(id) ?? (await read(id, signal));
    for (let attempt = 0; attempt < casAttemptsMax; attempt++) {
      if (entry === undefined) return { type: 'gone' };
      if (entry.record.epoch < epoch) entry = await read(id, signal);
      if (entry === undefined) return { type: 'gone' };
      if (entry.record.epoch !== epoch) return { type: 'superseded', record: entry.record };
      const next = change(entry.record);
      if (next === entry.record) return { type: 'updated', record: next };
      if (await swap(id, entry.modRevision, next, signal)) return { type: 'updated', record: next };
      if (attempt > 1) await delay(clock, attempt * 2, signal);
      entry = await read(id, signal);
    }
    throw new Error(`session ${id}: ${casAttemptsMax} conflicting writes in a row`);
  };

  return {
    create: (record, signal) => swap(record.id, 0, record, signal),
    local: (id) => copy.get(id)?.record,
    find: async (id, signal) => (copy.get(id) ?? (await read(id, signal)))?.record,
    refresh: async (id, signal) => (await read(id, signal))?.record,
    async claim(id, epoch, owner, signal) {
      const claimed = await modify(
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
    update: modify,
    touch(id) {
      const entry = copy.get(id);
      const now = clock.monotonic();
      const last = touched.get(id);
      if (entry === undefined || (last !== undefined && now - last < touchIntervalMs)) return;
      touched.set(id, now);
      // The first use on this node writes only when the replicated time is old.
      if (clock.wall() - entry.record.lastSeenAt < touchIntervalMs) return;
      const seen = (record: SessionRecord): SessionRecord => ({
        ...record,
        lastSeenAt: Math.max(record.lastSeenAt, clock.wall()),
      });
      // Not urgent and repeated by later use, so a failure is nobody's problem.
      modify(id, entry.record.epoch, seen).catch(() => touched.delete(id));
    },
    async end(id, signal) {
      for (let attempt = 0; attempt < casAttemptsMax; attempt++) {
        const entry =
          attempt === 0 ? (copy.get(id) ?? (await read(id, signal))) : await read(id, signal);
        if (entry === undefined) return false;
        if (await swap(id, entry.modRevision, undefined, signal)) return true;
      }
      throw new Error(`session ${id}: ${casAttemptsMax} conflicting writes in a row`);
    },
    async expireIdle(mayExpire, signal) {
      const ended: string[] = [];
      const limit = clock.wall() - config.idleTimeoutMs - touchIntervalMs;
      for (const [id, { record, modRevision }] of copy.entries()) {
        if (record.lastSeenAt > limit || !mayExpire(record)) continue;
        // Compared with the revision that was judged: a use in the meantime saves the session.
        if (await swap(id, modRevision, undefined, signal)) ended.push(id);
      }
      return ended;
    },
    counts: () => copy.counts(),
    list: () => [...copy.entries()].map(([, entry]) => entry.record),
    get size() {
      return copy.size;
    },
    onChange: (listener) => copy.onChange(listener),
    stop: () => copy.stop(),
  };
}
