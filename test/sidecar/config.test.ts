import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseRunningConfig, readConfigFile, runningPart } from '../../src/sidecar/config.ts';

const CONFIG = {
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
  },
  sessions: { idleTimeoutMs: 1000, max: 10, resume: { events: 8, bytes: 1024 } },
  consensus: { heartbeatIntervalMs: 50, electionTimeoutMs: { min: 200, max: 400 } },
  gossip: { probeIntervalMs: 200, probeTimeoutMs: 100, suspicionMs: 600, fanout: 3 },
};

async function read(content: string): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'config-'));
  try {
    await writeFile(join(folder, 'config.json'), content);
    return await readConfigFile(join(folder, 'config.json'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a whole configuration is read as it is', async () => {
  assert.deepEqual(await read(JSON.stringify(CONFIG)), CONFIG);
});

test('a wrong file is refused with the field, its value and the rule', async () => {
  const wrong = (change: object): Promise<unknown> =>
    read(JSON.stringify({ ...CONFIG, ...change }));
  await assert.rejects(wrong({ replicas: 'three' }), /\/replicas: must be integer, got "three"/);
  await assert.rejects(wrong({ colour: 'red' }), /\/colour: unknown field/);
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
  assert.deepEqual(parseRunningConfig(JSON.stringify(running)), { config: running });
  const zero = { ...running, sessions: { ...running.sessions, max: 0 } };
  assert.deepEqual(parseRunningConfig(JSON.stringify(zero)), {
    problem: '/sessions/max: must be >= 1, got 0',
  });
  assert.deepEqual(parseRunningConfig('nonsense'), { problem: 'not a JSON document' });
});
