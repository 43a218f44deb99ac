/** Where named state of an MCP server lives: which pod holds a task, or what a state handle stands for. Agreed, so it survives the front. */
import { createHash } from 'node:crypto';
import { delay, type Clock } from '../std/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { KeyValue, StoredItem } from './ports.ts';

/** Where something is, and whose it is; nobody's in particular when nobody is named. */
export interface Place {
  readonly node: string;
  readonly owner?: string;
}

export interface Placements {
  /** The place, as far as this pod has heard. */
  local(key: string): Place | undefined;
  /** The place; the store is asked when this pod has heard of none (linearizable). Rejects when it does not answer. */
  find(key: string, signal?: AbortSignal): Promise<Place | undefined>;
  /**
   * Records `place` for `ttlMs` unless another pod or another owner is recorded already, and returns what is; repeat it at
   * each use. `replaces` names the recorded pod that may be overwritten, because it is gone; an owner never is. Beyond
   * `placementsMax` nothing is recorded. Rejects when the store does not answer.
   */
  place(
    key: string,
    place: Place,
    options: { readonly ttlMs: number; readonly replaces?: string },
    signal?: AbortSignal,
  ): Promise<Place>;
  stop(): void;
}

export interface PlacementsOptions {
  readonly store: KeyValue;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Names known at the same time in the whole cluster; default 100,000. */
  readonly placementsMax?: number;
}

const PREFIX = '/placements/';
const PLACEMENTS_MAX = 100_000;
/** How often names whose time is over are deleted. */
const SWEEP_MS = 60_000;
const SWEEP_SLICE = 1_000;
/** Attempts of one compare-and-swap. */
const ATTEMPTS_MAX = 4;

interface Placement extends Place {
  /** Wall clock, in ms. */
  readonly until: number;
}

export function createPlacements(options: PlacementsOptions): Placements {
  const { store, clock } = options;
  const max = options.placementsMax ?? PLACEMENTS_MAX;
  const sweeper = createSweeper(options);
  const limited = options.metrics.counter(
    'placements_limited_total',
    'Tasks and state handles that were not recorded because of placementsMax',
  );
  const fresh = (item: StoredItem | undefined): Placement | undefined => {
    const placement = item === undefined ? undefined : decode(item.value);
    return placement !== undefined && placement.until > clock.wall() ? placement : undefined;
  };
  const localItem = (key: string): StoredItem | undefined =>
    store.local.range({ key: keyOf(key) }).items[0];

  return {
    local: (key) => fresh(localItem(key)),
    find: async (key, signal) =>
      fresh(localItem(key)) ?? fresh(await store.get(keyOf(key), signal)),
    async place(key, place, { ttlMs, replaces }, signal) {
      let item = localItem(key);
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        const recorded = fresh(item);
        if (recorded !== undefined && isTaken(recorded, place, replaces)) return recorded;
        // A name that is used lives on, and not each use is a write.
        const known = recorded?.node === place.node && recorded.owner === place.owner;
        if (known && recorded.until - clock.wall() > ttlMs / 2) return place;
        if (item === undefined && sweeper.count >= max) {
          limited.inc();
          return place;
        }
        const placement: Placement = { ...place, until: clock.wall() + ttlMs };
        if (await put(store, keyOf(key), item?.modRevision ?? 0, placement, signal)) {
          if (item === undefined) sweeper.added();
          return place;
        }
        item = await store.get(keyOf(key), signal);
      }
      return fresh(item) ?? place;
    },
    stop: sweeper.stop,
  };
}

/** What was recorded before there were owners is taken over by the first one. */
function isTaken(recorded: Place, { node, owner }: Place, replaces: string | undefined): boolean {
  if (recorded.owner !== undefined && recorded.owner !== owner) return true;
  return recorded.node !== node && recorded.node !== replaces;
}

/** Writes unless somebody else did since `revision`; 0 = the key does not exist. */
async function put(
  store: KeyValue,
  key: string,
  revision: number,
  placement: Placement,
  signal?: AbortSignal,
): Promise<boolean> {
  const { succeeded } = await store.txn(
    {
      compare: [{ key, target: 'modRevision', operator: '=', operand: revision }],
      success: [{ type: 'put', key, value: JSON.stringify(placement) }],
    },
    signal,
  );
  return succeeded;
}

interface Sweeper {
  /** As of the latest sweep, and what was added here since. */
  readonly count: number;
  added(): void;
  stop(): void;
}

/** Deletes what is over, once a minute; every pod does, and compares, so that one deletes and none too much. */
function createSweeper({ store, clock, metrics }: PlacementsOptions): Sweeper {
  const known = metrics.gauge('placements_known', 'Tasks and state handles with a pod');
  let count = 0;
  let cancel: () => void = () => undefined;
  const sweep = async (): Promise<void> => {
    const { items } = store.local.range({ prefix: PREFIX });
    known.set((count = items.length));
    for (const [index, { key, modRevision, value }] of items.entries()) {
      // So many at a time, that nothing else has to wait for long.
      if (index % SWEEP_SLICE === SWEEP_SLICE - 1) await delay(clock, 0);
      const placement = decode(value);
      if (placement !== undefined && placement.until > clock.wall()) continue;
      await store.txn({
        compare: [{ key, target: 'modRevision', operator: '=', operand: modRevision }],
        success: [{ type: 'delete', selector: { key } }],
      });
    }
  };
  const schedule = (): void => {
    cancel = clock.schedule(SWEEP_MS, () => {
      // What fails now is done by the next sweep, or by another pod's.
      void sweep()
        .catch(() => undefined)
        .then(schedule);
    });
  };
  schedule();
  return {
    get count() {
      return count;
    },
    added: () => known.set((count += 1)),
    stop: () => cancel(),
  };
}

/** Hashed: names come from servers in any length, and a handle may be as good as a password. */
function keyOf(key: string): string {
  return PREFIX + createHash('sha256').update(key).digest('base64url');
}

function decode(value: string): Placement | undefined {
  try {
    const placement = JSON.parse(value) as Placement;
    const { node, until } = placement;
    return typeof node === 'string' && typeof until === 'number' ? placement : undefined;
  } catch {
    return undefined;
  }
}
