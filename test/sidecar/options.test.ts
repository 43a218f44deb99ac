import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../src/host/index.ts';
import { planStandalone, type SidecarFlags } from '../../src/sidecar/options.ts';
import { verifies } from '../requirements.ts';

const FLAGS: SidecarFlags = { nodeId: 'n1', sessionDbPath: '/data' };
const plan = (flags: SidecarFlags) => planStandalone({ ...FLAGS, ...flags });

test('defaults: a cluster of one on loopback', () => {
  const { id, advertise, peers, consensus, gateway, metricsPort } = plan({});
  assert.equal(id, 'n1');
  assert.deepEqual(advertise, { host: '127.0.0.1', port: 7000 });
  assert.deepEqual([...peers], [['n1', { host: '127.0.0.1', port: 7000 }]]);
  assert.deepEqual(consensus, {
    heartbeatIntervalMs: 50,
    electionTimeoutMs: { min: 200, max: 400 },
  });
  assert.equal(gateway, undefined);
  assert.equal(metricsPort, undefined);
});

test('peers are voters, this member among them whether it is named or not', () => {
  const named = plan({ peers: 'n1@127.0.0.1:1, n2@h:2,n3@[::1]:3', advertiseAddr: '127.0.0.1:9' });
  assert.deepEqual([...named.peers.keys()], ['n1', 'n2', 'n3']);
  assert.deepEqual(named.peers.get('n3' as never), { host: '::1', port: 3 });
  const implied = plan({ peers: 'n2@h:2', advertiseAddr: '127.0.0.1:9' });
  assert.deepEqual(implied.peers.get('n1' as never), { host: '127.0.0.1', port: 9 });
});

test('a member that joins has no voters of its own', () => {
  const { peers, join } = plan({ join: 'host:7001' });
  assert.equal(peers.size, 0);
  assert.deepEqual(join, { host: 'host', port: 7001 });
});

test('durations are milliseconds or carry a unit', () => {
  const { consensus } = plan({
    heartbeatInterval: '100',
    electionTimeoutMin: '0.5s',
    electionTimeoutMax: '900ms',
  });
  assert.deepEqual(consensus, {
    heartbeatIntervalMs: 100,
    electionTimeoutMs: { min: 500, max: 900 },
  });
});

const REFUSED: readonly [string, SidecarFlags, RegExp][] = [
  ['no node id', { nodeId: '' }, /--node-id is missing/],
  ['a node id that no pod could have', { nodeId: 'a b' }, /--node-id.*"a b"/],
  ['no data folder', { sessionDbPath: '' }, /--session-db-path is missing/],
  ['a port that is none', { clusterPort: '70000' }, /--cluster-port 70000: .*1 to 65535/],
  ['a peer without address', { peers: 'n2' }, /--peers n2: expected id@host:port/],
  ['a peer twice', { peers: 'n2@h:1,n2@h:2' }, /--peers names n2 twice/],
  [
    'too many voters',
    { peers: Array.from({ length: 8 }, (_, i) => `m${i}@h:${i + 1}`).join() },
    /at most 7 vote/,
  ],
  ['an address without port', { join: 'host' }, /--join host: expected host:port/],
  ['a duration that is none', { heartbeatInterval: 'soon' }, /--heartbeat-interval soon/],
  [
    'an election shorter than two heartbeats',
    { heartbeatInterval: '100', electionTimeoutMin: '150' },
    /--election-timeout-min 150ms: at least twice/,
  ],
  [
    'a range that is empty',
    { electionTimeoutMin: '300', electionTimeoutMax: '300' },
    /--election-timeout-max 300ms: must be greater/,
  ],
  ['an upstream that is no URL', { upstream: 'localhost' }, /--upstream localhost: give the MCP/],
];

test(verifies('sidecar.flags.refused'), async (t) => {
  for (const [name, flags, message] of REFUSED) {
    await t.test(name, () => {
      assert.throws(
        () => plan(flags),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }
});
