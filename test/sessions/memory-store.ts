/** Directories over the real store on an in-memory log. */
import { createSessions, type SessionRecord, type Sessions } from '../../src/sessions/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { createStores, type StoreCluster } from '../store/setup.ts';

export interface Directories extends StoreCluster {
  readonly sessions: readonly Sessions[];
}

/** One `Sessions` per node over the same agreed state. */
export function createDirectories(count: number): Directories {
  const ids = Array.from({ length: count }, (_, index) => `node-${index}`);
  const setup = createStores(ids);
  const sessions = ids.map((id) =>
    createSessions({
      store: setup.store(id),
      clock: setup.clock,
      metrics: createMetrics(),
      config: { idleTimeoutMs: 3_600_000, max: 100, resume: { events: 4, bytes: 100 } },
    }),
  );
  return { ...setup, sessions };
}

export function sampleRecord(overrides: Partial<SessionRecord> = {}): SessionRecord {
  return {
    id: 's1',
    era: 'legacy',
    owner: { node: 'node-0', instance: 'a' },
    epoch: 1,
    backendSessionId: 'b1',
    initialize: {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'c', version: '1' },
    },
    protocolVersion: '2025-11-25',
    serverCapabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
    initialized: true,
    subscriptions: [],
    repeatableTools: [],
    principal: 'anonymous',
    createdAt: 0,
    lastSeenAt: 0,
    ...overrides,
  };
}
