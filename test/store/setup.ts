/** Stores on an in-memory cluster, joined by a link that calls the leader directly. */
import { seededRandom } from '../../src/std/index.ts';
import { createStore, type StoreNode, type StoreOptions } from '../../src/store/index.ts';
import { createMetrics, silentLogger, type Metrics } from '../../src/telemetry/index.ts';
import { createVirtualClock, type VirtualClock } from '../virtual-clock.ts';
import { createMemoryCluster, type MemoryCluster } from './memory-log.ts';

export interface StoreCluster {
  readonly cluster: MemoryCluster;
  readonly clock: VirtualClock;
  readonly metrics: Metrics;
  readonly stores: ReadonlyMap<string, StoreNode>;
  store(id: string): StoreNode;
}

/** One store per id; the first leads. */
export function createStores(
  ids: readonly string[],
  options: Partial<StoreOptions> = {},
): StoreCluster {
  const clock = createVirtualClock();
  const cluster = createMemoryCluster(ids);
  const metrics = createMetrics();
  const stores = new Map<string, StoreNode>();
  const store = (id: string): StoreNode => {
    const found = stores.get(id);
    if (found === undefined) throw new Error(`no store ${id}`);
    return found;
  };
  for (const [index, id] of ids.entries()) {
    stores.set(
      id,
      createStore({
        log: cluster.node(id),
        leaderLink: {
          keepAlive: (leaderId, leaseId) => store(leaderId).serveKeepAlive(leaseId),
        },
        clock,
        random: seededRandom(index + 1),
        logger: silentLogger,
        metrics: index === 0 ? metrics : createMetrics(),
        ...options,
      }),
    );
  }
  return { cluster, clock, metrics, stores, store };
}

/** One store alone. */
export function createSingleStore(
  options: Partial<StoreOptions> = {},
): StoreCluster & { only: StoreNode } {
  const setup = createStores(['node-0'], options);
  return { ...setup, only: setup.store('node-0') };
}
