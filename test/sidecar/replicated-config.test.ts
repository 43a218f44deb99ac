import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunningConfig } from '../../src/sidecar/config.ts';
import { createReplicatedConfig } from '../../src/sidecar/replicated-config.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { createStores } from '../store/setup.ts';

const INITIAL: RunningConfig = {
  gateway: {
    allowedOrigins: [],
    allowedHosts: [],
    limits: { bodyBytes: 1024, headerBytes: 1024, streamsPerSession: 4 },
  },
  sessions: { idleTimeoutMs: 1000, max: 10, resume: { events: 8, bytes: 1024 } },
};
const withMax = (max: number): RunningConfig => ({
  ...INITIAL,
  sessions: { ...INITIAL.sessions, max },
});
const signal = AbortSignal.timeout(10_000);

function twoMembers() {
  const { store } = createStores(['a', 'b']);
  return ['a', 'b'].map((id) => {
    const config = createReplicatedConfig({
      store: store(id),
      initial: INITIAL,
      logger: silentLogger,
    });
    config.start();
    return config;
  }) as [ReturnType<typeof createReplicatedConfig>, ReturnType<typeof createReplicatedConfig>];
}

test(verifies('sidecar.config.everywhere'), async () => {
  const [a, b] = twoMembers();
  assert.deepEqual(a.current(), INITIAL);
  assert.equal(a.generation(), 0);
  await a.apply(3, JSON.stringify(withMax(20)), signal);
  await eventually(
    'both members to take it over',
    () => a.generation() === 3 && b.generation() === 3,
  );
  assert.deepEqual(b.current(), withMax(20));
});

test('an older generation changes nothing, and the same one is proposed once', async () => {
  const [a, b] = twoMembers();
  const first = await a.apply(5, JSON.stringify(withMax(50)), signal);
  assert.deepEqual(await b.apply(4, JSON.stringify(withMax(40)), signal), first);
  assert.deepEqual(await b.apply(5, JSON.stringify(withMax(51)), signal), first);
  await eventually('the newer one on both', () => a.generation() === 5 && b.generation() === 5);
  assert.equal(b.current().sessions.max, 50);
});

test('a configuration that is none is refused before anything is proposed', async () => {
  const [a] = twoMembers();
  const answer = await a.apply(1, JSON.stringify(withMax(-1)), signal);
  assert.deepEqual(answer, { problem: '/sessions/max: must be >= 1, got -1' });
  assert.equal(a.generation(), 0);
});
