import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { DEFAULT_POLICIES } from '../../src/gateway/index.ts';
import {
  parseRunningConfig,
  readConfigFile,
  readPoliciesFile,
  runningPart,
} from '../../src/sidecar/config.ts';
import { verifies } from '../requirements.ts';

const CONFIG = {
  fencedMembers: [] as string[],
  clusterId: 'uid',
  name: 'everything',
  namespace: 'default',
  peerService: 'everything-peers',
  replicas: 3,
  voters: ['everything-0', 'everything-1', 'everything-2'],
  ports: { gateway: 8080, gatewayPeer: 8081, peer: 7000, metrics: 9090 },
  server: { port: 3001, path: '/mcp' },
  gateway: {
    path: '/mcp',
    allowedOrigins: [],
    allowedHosts: [],
    limits: { bodyBytes: 1024, headerBytes: 1024, streamsPerSession: 4 },
    policies: DEFAULT_POLICIES,
  },
  sessions: { idleTimeoutMs: 1000, max: 10, resume: { events: 8, bytes: 1024, replicas: 1 } },
  consensus: { heartbeatIntervalMs: 50, electionTimeoutMs: { min: 200, max: 400 } },
  gossip: { probeIntervalMs: 200, probeTimeoutMs: 100, suspicionMs: 600, fanout: 3 },
};

async function fromFile<T>(content: string, readIt: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'config-'));
  try {
    await writeFile(join(folder, 'config.json'), content);
    return await readIt(join(folder, 'config.json'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const read = (content: string) => fromFile(content, readConfigFile);
const readPolicies = (content: object) => fromFile(JSON.stringify(content), readPoliciesFile);
const wrong = (change: object): Promise<unknown> => read(JSON.stringify({ ...CONFIG, ...change }));
const withPolicies = (change: object): string =>
  JSON.stringify({
    ...runningPart(CONFIG),
    gateway: { ...runningPart(CONFIG).gateway, policies: { ...DEFAULT_POLICIES, ...change } },
  });

test('a whole configuration is read as it is', async () => {
  assert.deepEqual(await read(JSON.stringify(CONFIG)), { config: CONFIG, unknown: [] });
});

test('a wrong file is refused with the field, its value and the rule', async () => {
  await assert.rejects(wrong({ replicas: 'three' }), /\/replicas: must be integer, got "three"/);
  await assert.rejects(wrong({ voters: [] }), /\/voters: must NOT have fewer than 1 items/);
  await assert.rejects(
    wrong({ consensus: { heartbeatIntervalMs: 50, electionTimeoutMs: { min: 9, max: 8 } } }),
    /electionTimeoutMs: min 9 > max 8/,
  );
  await assert.rejects(read('{'), /not a JSON document/);
  await assert.rejects(readConfigFile('/nowhere.json'), /cannot read --config \/nowhere\.json/);
});

test('a running configuration is checked before it is proposed', () => {
  const running = runningPart(CONFIG);
  const parsed = parseRunningConfig(JSON.stringify(running));
  assert.deepEqual(parsed, { config: running, unknown: [] });
  const zero = { ...running, sessions: { ...running.sessions, max: 0 } };
  assert.deepEqual(parseRunningConfig(JSON.stringify(zero)), {
    problem: '/sessions/max: must be >= 1, got 0',
  });
  assert.deepEqual(parseRunningConfig('nonsense'), { problem: 'not a JSON document' });
});

void suite(verifies('sidecar.config.versions'), () => {
  test('what a newer operator added is passed over, and named', async () => {
    const { gateway } = CONFIG;
    const newer = {
      ...CONFIG,
      colour: 'red',
      gateway: { ...gateway, limits: { ...gateway.limits, depth: 3 } },
    };
    const { config, unknown } = await read(JSON.stringify(newer));
    assert.deepEqual(unknown.toSorted(), ['/colour', '/gateway/limits/depth']);
    assert.equal(config.gateway.limits.bodyBytes, 1024);
    const parsed = parseRunningConfig(withPolicies({ mirroring: { percent: 1 } }));
    assert.ok('config' in parsed);
    assert.deepEqual(parsed.unknown, ['/gateway/policies/mirroring']);
  });

  test('what an older operator does not know has its default', async () => {
    const { policies: _policies, ...gateway } = CONFIG.gateway;
    const resume = { events: 8, bytes: 1024 };
    const older = { ...CONFIG, gateway, sessions: { ...CONFIG.sessions, resume } };
    assert.deepEqual((await read(JSON.stringify(older))).config, CONFIG);
  });

  test('who may call is not guessed: an unknown field there is refused', () => {
    const auth = { ...DEFAULT_POLICIES.auth, onlyFrom: ['10.0.0.0/8'] };
    assert.deepEqual(parseRunningConfig(withPolicies({ auth })), {
      problem: '/gateway/policies/auth/onlyFrom: unknown field',
    });
    const providers = [{ type: 'SAML', url: 'https://a' }];
    const parsed = parseRunningConfig(withPolicies({ auth: { providers, rules: [] } }));
    assert.ok('problem' in parsed);
    assert.match(parsed.problem, /auth\/providers\/0: .*"type"/);
  });
});

test('what a person leaves out of a policies file has its default', async () => {
  assert.deepEqual(await readPolicies({}), DEFAULT_POLICIES);
  const { bulkheads, loadBalancing } = await readPolicies({
    loadBalancing: { strategy: 'RoundRobin' },
    bulkheads: [{ name: 'slow', match: { tools: ['slow'] }, maxConcurrent: 5 }],
  });
  assert.equal(loadBalancing.strategy, 'RoundRobin');
  assert.equal(loadBalancing.affinity, 'Session');
  assert.deepEqual(bulkheads, [
    {
      ...{ name: 'slow', match: { tools: ['slow'] }, per: 'All', maxConcurrent: 5 },
      ...{ maxQueue: 0, maxWaitMs: 1000, order: 'FIFO', adaptive: false },
    },
  ]);
});

const jwt = {
  ...{ type: 'JWT', issuer: 'https://a', jwksUri: 'https://a/keys', audiences: ['tools'] },
  ...{ tenantClaim: 'sub', groupsClaim: 'groups' },
};
const bulkhead = { name: 'twice', maxConcurrent: 1 };
const WRONG_POLICIES: readonly [object, RegExp][] = [
  [{ colour: 'red' }, /--policies \S+: \/colour: unknown field/],
  [
    { loadBalancing: { strategy: 'Fastest' } },
    /\/loadBalancing\/strategy: must be .* RoundRobin, LeastConnections, .*got "Fastest"/,
  ],
  [
    { loadBalancing: { consistentHash: { on: 'Header' } } },
    /\/loadBalancing\/consistentHash\/name: needed for Header and Argument only, on is Header/,
  ],
  [
    { health: { outlierDetection: { baseEjectionMs: 600_000 } } },
    /\/baseEjectionMs: 600000 > maxEjectionMs 300000/,
  ],
  [{ bulkheads: [bulkhead, bulkhead] }, /\/bulkheads: the name "twice" is given twice/],
  [{ bulkheads: [{ ...bulkhead, maxConcurrent: 0 }] }, /\/maxConcurrent: must be >= 1, got 0/],
  [
    { rateLimits: [{ name: 'a', requests: 5, burst: 0 }] },
    /\/rateLimits\/0\/burst: must be >= 1, got 0/,
  ],
  [{ auth: { rules: [{ tools: ['*'] }] } }, /\/auth\/rules: needs a provider/],
  [
    { auth: { providers: [{ ...jwt, jwksUri: 'http://a/keys' }] } },
    /\/auth\/providers\/0\/jwksUri: must match pattern .*got "http:\/\/a\/keys"/,
  ],
];

test(verifies('sidecar.policies.refused'), async (t) => {
  for (const [policies, message] of WRONG_POLICIES) {
    await t.test(JSON.stringify(policies), () =>
      assert.rejects(readPolicies(policies), (error: Error) => message.test(error.message)),
    );
  }
});
