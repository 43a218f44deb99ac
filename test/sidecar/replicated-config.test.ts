import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { RunningConfig } from '../../src/sidecar/config.ts';
import { createReplicatedConfig } from '../../src/sidecar/replicated-config.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { createStores } from '../store/setup.ts';
import { fencing } from './processes.ts';

const INITIAL = fencing();
const withMax = (max: number): RunningConfig => ({
  ...INITIAL,
  sessions: { ...INITIAL.sessions, max },
});
const signal = AbortSignal.timeout(10_000);

function twoMembers(stores = createStores(['a', 'b'])) {
  const { store } = stores;
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

test(verifies('sidecar.config.identity'), async () => {
  const [a] = twoMembers();
  const before = a.current();
  await a.apply(1, JSON.stringify(withMax(20)), signal);
  await eventually('the new configuration', () => a.generation() === 1);
  assert.notEqual(a.current().sessions, before.sessions);
  assert.equal(a.current().gateway.policies, before.gateway.policies);
  const { gateway } = INITIAL;
  const policies = { ...gateway.policies, requestTimeoutMs: 5 };
  await a.apply(2, JSON.stringify({ ...withMax(20), gateway: { ...gateway, policies } }), signal);
  await eventually('the changed policies', () => a.generation() === 2);
  assert.equal(a.current().gateway.policies.requestTimeoutMs, 5);
  assert.equal(a.current().gateway.policies.health, before.gateway.policies.health);
});

void suite(verifies('sidecar.config.versions'), () => {
  test('what an older proposer does not know reaches the others', async () => {
    const stores = createStores(['a', 'b']);
    const [a] = twoMembers(stores);
    await a.apply(1, JSON.stringify({ ...withMax(20), colour: 'red' }), signal);
    await eventually('the configuration', () => a.generation() === 1);
    const stored = stores.store('b').local.get('/config');
    assert.equal(JSON.parse(stored?.value ?? '{}').config.colour, 'red');
  });

  test('a member goes on with what it has when a newer one agreed on what it cannot use', async () => {
    const stores = createStores(['a', 'b']);
    const [a] = twoMembers(stores);
    await a.apply(1, JSON.stringify(withMax(20)), signal);
    const config = { ...withMax(30), gateway: { ...INITIAL.gateway, limits: 'none' } };
    const value = JSON.stringify({ generation: 2, config });
    const success = [{ type: 'put', key: '/config', value } as const];
    await stores.store('a').txn({ compare: [], success }, signal);
    await a.apply(3, JSON.stringify(withMax(40)), signal);
    await eventually('the next one that it can use', () => a.generation() === 3);
    assert.equal(a.current().sessions.max, 40);
  });
});
