/** Who owns a session is a look-up in the pod's own memory: beside a Map with the same keys. */
import { summarize } from '../measure.ts';
import { range, type Row } from '../table.ts';
import { createMemoryCluster } from '../../store/memory-log.ts';
import { createSessions, type SessionRecord } from '../../../src/sessions/index.ts';
import { createStore } from '../../../src/store/index.ts';
import { systemClock, systemRandom } from '../../../src/host/index.ts';
import { createMetrics, silentLogger } from '../../../src/telemetry/index.ts';
import type { GatewayPart } from './parts.ts';

const SESSIONS = 10_000;
const READS = 2_000_000;

const recordOf = (id: string): SessionRecord => ({
  ...{ id, era: 'legacy', owner: { node: 'pod-0', instance: 'a' }, epoch: 1 },
  ...{ initialize: { protocolVersion: '2025-06-18' }, protocolVersion: '2025-06-18' },
  ...{ serverCapabilities: {}, initialized: true, subscriptions: [], repeatableTools: [] },
  ...{ principal: 'anonymous', createdAt: 0, lastSeenAt: 0 },
});

/** Nanoseconds of one read. */
function nanosEach(ids: readonly string[], read: (id: string) => unknown): number {
  let found = 0;
  const started = performance.now();
  for (let n = 0; n < READS; n++) if (read(ids[n % ids.length] as string) !== undefined) found += 1;
  const nanos = ((performance.now() - started) * 1e6) / READS;
  if (found !== READS) throw new Error(`${READS - found} sessions were not found`);
  return nanos;
}

export const lookUp: GatewayPart = {
  needs: [],
  async run({ repetitions }) {
    const metrics = createMetrics();
    const store = createStore({
      log: createMemoryCluster(['pod-0']).node('pod-0'),
      leaderLink: { keepAlive: async () => ({ status: 'lease-not-found' }) },
      ...{ clock: systemClock, random: systemRandom, logger: silentLogger, metrics },
    });
    const config = { idleTimeoutMs: 3_600_000, max: SESSIONS, resume: { events: 1, bytes: 1 } };
    const { directory } = createSessions({ store, clock: systemClock, metrics, config });
    const ids = Array.from({ length: SESSIONS }, (_, n) => `session-${n}-${'x'.repeat(20)}`);
    for (const id of ids) await directory.create(recordOf(id));
    const map = new Map(ids.map((id) => [id, recordOf(id)]));
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      ours.push(nanosEach(ids, (id) => directory.local(id)));
      theirs.push(nanosEach(ids, (id) => map.get(id)));
    }
    directory.stop();
    await store.stop();
    const [mine, plain] = [summarize(ours), summarize(theirs)];
    const row: Row = {
      name: 'look-up',
      what: `who owns a session, among ${SESSIONS.toLocaleString('en')}`,
      ours: range(mine, 'ns'),
      peer: `a Map ${range(plain, 'ns')}`,
      value: mine.median / plain.median,
      goal: { atMost: 5 },
    };
    return [row];
  },
};
