/** Where named state of an MCP server lives: which pod holds a task, or what a state handle stands for. Agreed, so it survives the front. */
import { createHash } from 'node:crypto';
import type { Clock } from '../std/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { KeyValue, StoredItem } from './ports.ts';

export interface Placements {
  /** The pod, as far as this one has heard. */
  local(key: string): string | undefined;
  /** The pod; the store is asked when this pod has heard of none (linearizable). Rejects when it does not answer. */
  find(key: string, signal?: AbortSignal): Promise<string | undefined>;
  /**
   * Records `node` for `ttlMs` unless another pod is recorded already, and returns the one that is; repeat it at each use.
   * `replaces` names the recorded pod that may be overwritten, because it is gone. Beyond `placementsMax` nothing is
   * recorded. Rejects when the store does not answer.
   */
  place(
    key: string,
    node: string,
    options: { readonly ttlMs: number; readonly replaces?: string },
    signal?: AbortSignal,
  ): Promise<string>;
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
/** Attempts of one compare-and-swap. */
const ATTEMPTS_MAX = 4;

interface Placement {
  readonly node: string;
  /** Wall clock, in ms. */
  readonly until: number;
}

export function createPlacements(options: PlacementsOptions): Placements {
  const { store, clock } = options;
  const max = options.placementsMax ?? PLACEMENTS_MAX;
  const known = options.metrics.gauge('placements_known', 'Tasks and state handles with a pod');
  const limited = options.metrics.counter(
    'placements_limited_total',
    'Tasks and state handles that were not recorded because of placementsMax',
  );
  /** As of the latest sweep, and what was added here since. */
  let count = 0;
  const fresh = (item: StoredItem | undefined): Placement | undefined => {
    const placement = item === undefined ? undefined : decode(item.value);
    return placement !== undefined && placement.until > clock.wall() ? placement : undefined;
  };
  const localItem = (key: string): StoredItem | undefined =>
    store.local.range({ key: keyOf(key) }).items[0];

  const sweep = async (): Promise<void> => {
    const { items } = store.local.range({ prefix: PREFIX });
    count = items.length;
    known.set(count);
    for (const { key, modRevision, value } of items) {
      const placement = decode(value);
      if (placement !== undefined && placement.until > clock.wall()) continue;
      await store.txn({
        compare: [{ key, target: 'modRevision', operator: '=', operand: modRevision }],
        success: [{ type: 'delete', selector: { key } }],
      });
    }
  };
  let cancelSweep: () => void = () => undefined;
  const schedule = (): void => {
    cancelSweep = clock.schedule(SWEEP_MS, () => {
      // What fails now is done by the next sweep, or by another pod's.
      void sweep()
        .catch(() => undefined)
        .then(schedule);
    });
  };
  schedule();

  return {
    local: (key) => fresh(localItem(key))?.node,
    async find(key, signal) {
      return (fresh(localItem(key)) ?? fresh(await store.get(keyOf(key), signal)))?.node;
    },
    async place(key, node, { ttlMs, replaces }, signal) {
      let item = localItem(key);
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        const recorded = fresh(item);
        const theirs = recorded !== undefined && recorded.node !== node;
        if (theirs && recorded.node !== replaces) return recorded.node;
        // A name that is used lives on, and not each use is a write.
        if (recorded?.node === node && recorded.until - clock.wall() > ttlMs / 2) return node;
        if (item === undefined && count >= max) {
          limited.inc();
          return node;
        }
        const placement: Placement = { node, until: clock.wall() + ttlMs };
        const { succeeded } = await store.txn(
          {
            compare: [
              {
                key: keyOf(key),
                target: 'modRevision',
                operator: '=',
                operand: item?.modRevision ?? 0,
              },
            ],
            success: [{ type: 'put', key: keyOf(key), value: JSON.stringify(placement) }],
          },
          signal,
        );
        if (succeeded) {
          if (item === undefined) known.set((count += 1));
          return node;
        }
        item = await store.get(keyOf(key), signal);
      }
      return fresh(item)?.node ?? node;
    },
    stop: () => cancelSweep(),
  };
}

/** Hashed: names come from servers in any length, and a handle may be as good as a password. */
function keyOf(key: string): string {
  return PREFIX + createHash('sha256').update(key).digest('base64url');
}

function decode(value: string): Placement | undefined {
  try {
    const { node, until } = JSON.parse(value) as Placement;
    return typeof node === 'string' && typeof until === 'number' ? { node, until } : undefined;
  } catch {
    return undefined;
  }
}
