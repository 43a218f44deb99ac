/** What a member says when something is wrong with its part in the log, and what it stops doing. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Membership } from '../../src/gossip/index.ts';
import type { RaftNode, RaftStatus } from '../../src/raft/index.ts';
import { publishFacts } from '../../src/sidecar/cluster-facts.ts';
import type { DeathProof } from '../../src/sidecar/death-proof.ts';
import { createEventHub } from '../../src/sidecar/events.ts';
import { fenceWhenDivergent } from '../../src/sidecar/fence.ts';
import { createHealthHandler } from '../../src/sidecar/health.ts';
import { problemsOf } from '../../src/sidecar/member-problems.ts';
import { readinessOf } from '../../src/sidecar/readiness.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';

const configuration = {
  voters: ['a', 'b', 'c'],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};
const LEASE = { key: '/members/a', createRevision: 1, modRevision: 1, version: 1, lease: 1 };
const HEALTHY: RaftStatus = {
  nodeId: 'a',
  role: 'follower',
  leaderId: 'b',
  term: 2,
  commitIndex: 5,
  appliedIndex: 5,
  firstIndex: 2,
  lastIndex: 5,
  lastTerm: 2,
  diskId: 'disk-a',
  snapshotIndex: 1,
  configuration,
  voters: configuration.voters,
  learners: [],
  removed: false,
  divergent: false,
  replaced: false,
  diskFull: false,
};

/** A healthy member but for what is given, and its pages. */
async function pagesOf(wrong: Partial<RaftStatus>, withoutData = false) {
  const status = { ...HEALTHY, ...wrong };
  const problems = () => problemsOf(status, withoutData);
  const readiness = () =>
    readinessOf(
      {
        raft: { status: () => status },
        ownership: { valid: () => true },
        gateway: undefined,
        problems,
        store: { local: { get: () => ({ ...LEASE, value: 'x' }) } },
        view: { self: { node: 'a', instance: 'x' } },
      },
      '',
    );
  const server = createServer(
    createHealthHandler({
      readiness,
      problems,
      raftStatus: () => status,
      metrics: createMetrics(),
      serverMayStop: async () => 'at any time',
    }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  const pages = {
    health: await get('/healthz'),
    ready: await get('/readyz'),
    raft: JSON.parse((await get('/raft/status')).text) as Record<string, unknown>,
  };
  server.closeAllConnections();
  server.close();
  return pages;
}

test(verifies('sidecar.problems-are-said'), async (t) => {
  const cases: readonly [string, Partial<RaftStatus>, RegExp][] = [
    ['divergent', { divergent: true }, /delete its data folder, and start it again/],
    ['member-replaced', { replaced: true }, /remove it from the configuration/],
    ['removed', { removed: true }, /stop it, or add it again/],
    ['disk-full', { diskFull: true }, /free some/],
  ];
  for (const [code, wrong, advice] of cases) {
    await t.test(code, async () => {
      const { health, ready, raft } = await pagesOf(wrong);
      assert.equal(ready.status, 503);
      assert.match(ready.text, new RegExp(`^not ready: ${code}: `));
      assert.match(ready.text, advice);
      // A restart would mend nothing, so the process counts as healthy.
      assert.equal(health.status, 200);
      assert.match(health.text, new RegExp(`^ok\n${code}: `));
      assert.deepEqual((raft['problems'] as { code: string }[])[0]?.code, code);
    });
  }
  await t.test('a founder without its data, until it is let in', async () => {
    const nobody = { ...configuration, voters: [] };
    const { ready } = await pagesOf({ configuration: nobody, voters: [] }, true);
    assert.match(ready.text, /member-replaced/);
    assert.equal((await pagesOf({}, true)).ready.status, 200);
  });
  await t.test('nothing', async () => {
    const { health, ready, raft } = await pagesOf({});
    assert.deepEqual([health.text, ready.text, raft['problems']], ['ok\n', 'ok\n', []]);
  });
});

test(verifies('sidecar.divergent-serves-nothing'), async () => {
  const stopped: string[] = [];
  let status = HEALTHY;
  const listeners = new Set<(status: RaftStatus) => void>();
  const fence = () =>
    fenceWhenDivergent({
      raft: {
        status: () => status,
        onStatus(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      ownership: { stop: async () => void stopped.push('lease') },
      gateway: { stop: async () => void stopped.push('gateway') },
      logger: silentLogger,
    });
  const end = fence();
  const become = (next: Partial<RaftStatus>): void => {
    status = { ...HEALTHY, ...next };
    for (const listener of [...listeners]) listener(status);
  };
  become({ term: 3 });
  assert.deepEqual(stopped, []);
  become({ divergent: true });
  become({ divergent: true, term: 4 });
  assert.deepEqual(stopped, ['gateway', 'lease']);
  end();
  fence();
  assert.deepEqual(stopped, ['gateway', 'lease', 'gateway', 'lease'], 'found out before the fence');
});

test('a change of the members and a problem are facts, once each', () => {
  const events = createEventHub(createVirtualClock());
  const seen: string[] = [];
  events.onEvent(
    ({ kind, attributes }) => void seen.push(`${kind} ${Object.values(attributes)[0]}`),
  );
  let status = HEALTHY;
  const listeners = new Set<(status: RaftStatus) => void>();
  const never = () => () => undefined;
  publishFacts({
    raft: {
      onStatus(listener: (status: RaftStatus) => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    } as unknown as RaftNode,
    membership: { onChange: never } as unknown as Membership,
    deaths: { onProof: never } as unknown as DeathProof,
    gateway: undefined,
    problems: () => problemsOf(status, false),
    events,
  });
  const become = (next: Partial<RaftStatus>): void => {
    status = { ...HEALTHY, ...next };
    for (const listener of listeners) listener(status);
  };
  become({});
  become({ commitIndex: 9 });
  become({ diskFull: true });
  become({ diskFull: true, configuration: { ...configuration, learners: ['d'] } });
  become({ configuration: { ...configuration, learners: ['d'] } });
  assert.deepEqual(seen, [
    'leader-elected 2',
    'membership-changed a,b,c',
    'member-problem disk-full',
    'membership-changed a,b,c',
    'member-problem ',
  ]);
});
