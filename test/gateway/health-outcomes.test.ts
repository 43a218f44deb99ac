/** What balancing learns from how requests end, and which pods it takes into account. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  plain,
  refused,
  StreamInterrupted,
  type OwnerReply,
  type OwnerRequest,
} from '../../src/gateway/exchange.ts';
import type { Balancing } from '../../src/gateway/health/balancing.ts';
import { createRetryBudget } from '../../src/gateway/core/retry-budget.ts';
import { observeOutcomes } from '../../src/gateway/health/observe-outcomes.ts';
import { waitForRetry } from '../../src/gateway/health/retry-permit.ts';
import { createPool } from '../../src/gateway/health/pool.ts';
import { DEFAULT_POLICIES } from '../../src/gateway/policies.ts';
import type { Member } from '../../src/gateway/core/types.ts';
import { seededRandom } from '../../src/std/index.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { asking } from './candidates.ts';

const request = (facts: Partial<OwnerRequest> = {}): OwnerRequest => ({
  ...{ op: 'post', sessionId: 's', epoch: 1, headers: {}, body: '{}' },
  ...facts,
});

/** Sends one request whose answer takes 10 ms; `told` is what balancing heard. */
async function observe(
  reply: OwnerReply,
  {
    facts = {},
    signal = new AbortController().signal,
  }: { facts?: Partial<OwnerRequest>; signal?: AbortSignal } = {},
) {
  const clock = createVirtualClock();
  const told: string[] = [];
  let active = 0;
  const balancing = {
    began() {
      active += 1;
      let running = true;
      return {
        ended(outcome: string, latencyMs: number) {
          if (!running) return;
          running = false;
          active -= 1;
          told.push(`${outcome} ${latencyMs}`);
        },
      };
    },
  } as unknown as Balancing;
  const ask = observeOutcomes(
    async () => {
      clock.freeze(10);
      return reply;
    },
    balancing,
    clock,
  );
  const answer = await ask('a', request(facts), signal);
  return { told, answer, active: () => active };
}
async function read(reply: OwnerReply): Promise<void> {
  if (reply.type !== 'stream') assert.fail('no stream');
  for await (const _ of reply.events);
}
const stream = (fail?: Error): OwnerReply => ({
  type: 'stream',
  headers: {},
  events: (async function* () {
    yield { id: '1', data: '' };
    if (fail !== undefined) throw fail;
  })(),
});

test('complete answers and refusals are judged by whether the pod or its server failed', async () => {
  const cases: [OwnerReply, string][] = [
    [plain(200, '{}'), 'ok 10'],
    [plain(404, '{}'), 'ok 10'],
    [plain(502, '{}'), 'error 10'],
    [refused('unreachable', false), 'error 10'],
    [refused('backend-down', false), 'error 10'],
    [refused('request-lost', true), 'error 10'],
    [refused('draining', false), 'none 10'],
    [refused('not-owner', false), 'none 10'],
    [refused('lease-lost', false), 'none 10'],
  ];
  for (const [reply, expected] of cases) {
    const { told } = await observe(reply);
    assert.deepEqual(told, [expected], JSON.stringify(reply));
  }
});

test('a stream runs until its last event, and counts against the pod when that broke it', async () => {
  const whole = await observe(stream());
  assert.equal(whole.active(), 1);
  await read(whole.answer);
  assert.deepEqual(whole.told, ['ok 10']);
  const broken = await observe(stream(new StreamInterrupted('unreachable')));
  await assert.rejects(read(broken.answer));
  assert.deepEqual(broken.told, ['error 10']);
  const moved = await observe(stream(new StreamInterrupted('draining')));
  await assert.rejects(read(moved.answer));
  assert.deepEqual(moved.told, ['none 10']);
});

test('a client that leaves says nothing of the pod, a deadline does', async () => {
  for (const [reason, expected] of [
    [new Error('the client left'), 'none 10'],
    [new DOMException('late', 'TimeoutError'), 'error 10'],
  ] as const) {
    const abort = new AbortController();
    const { told, active } = await observe(stream(), { signal: abort.signal });
    abort.abort(reason);
    assert.deepEqual(told, [expected], 'even if nobody reads the stream');
    assert.equal(active(), 0);
  }
});

test("a client's own streams are no work, but a session that moves is until it has moved", async () => {
  for (const op of ['get', 'resume', 'listen', 'delete', 'replicate', 'probe'] as const) {
    const { told, active } = await observe(stream(), { facts: { op } });
    assert.deepEqual([told, active()], [[], 0], op);
  }
  const moving = await observe(stream(), { facts: { op: 'get', claim: 'owner-gone' } });
  assert.deepEqual(moving.told, ['none 10']);
  assert.equal(moving.active(), 0);
});

test('this pod itself is asked only while it takes work, whatever the others believe', () => {
  const member = (node: string): Member => ({
    ...{ node, instance: 'x', ready: true, load: 0 },
    peer: { host: node, port: 1 },
  });
  let selfReady = false;
  const pool = createPool({
    cluster: {
      self: member('a'),
      members: () => [member('a'), member('b')],
      ownerState: () => 'alive',
      onChange: () => () => undefined,
      reportRefused: () => undefined,
    },
    sessions: () => new Map([['b', 5]]),
    selfReady: () => selfReady,
    policy: () => DEFAULT_POLICIES.loadBalancing,
    clock: createVirtualClock(),
  });
  const pick = (): string | undefined => {
    if (pool.isStale()) pool.refresh({ isBack: () => undefined, isWell: () => true });
    return pool.picker().pick(asking(seededRandom(1)));
  };
  pool.refresh({ isBack: () => undefined, isWell: () => true });
  assert.equal(pick(), 'b');
  selfReady = true;
  assert.equal(pick(), 'a', 'it has fewer sessions');
  selfReady = false;
  assert.equal(pick(), 'b');
});

test('a request that is sent again waits for its place among the retries, until its time is over', async () => {
  const clock = createVirtualClock();
  const budget = createRetryBudget(
    () => ({ percent: 20, min: 2 }),
    () => 5,
  );
  const tools = { budget, clock, random: seededRandom(1) };
  const never = new AbortController().signal;
  const [first, second] = [budget.tryRetry(), budget.tryRetry()];
  const got: ((() => void) | undefined)[] = [];
  void waitForRetry(tools, 1_000, never).then((release) => got.push(release));
  await clock.advance(500);
  assert.equal(got.length, 0);
  first?.();
  await clock.advance(100);
  assert.equal(budget.running, 2, 'it has the place that was given back');
  const late = waitForRetry(tools, 1_000, never);
  await clock.advance(1_000);
  assert.equal(await late, undefined);
  const left = new AbortController();
  const leaving = waitForRetry(tools, 9_000, left.signal);
  left.abort(new Error('the client left'));
  await assert.rejects(leaving, /left/);
  got[0]?.();
  second?.();
  assert.equal(budget.running, 0);
});
