/** Hedged requests: who is asked, when, whose answer counts, and what becomes of the other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plain, refused, type OwnerReply, type OwnerRequest } from '../../src/gateway/exchange.ts';
import { hedge } from '../../src/gateway/health/hedge.ts';
import { createGatewayMetrics } from '../../src/gateway/metrics.ts';
import { DEFAULT_POLICIES } from '../../src/gateway/policies.ts';
import { parseBody } from '../../src/mcp/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';

const stateless = (method: string, facts: Partial<OwnerRequest> = {}): OwnerRequest => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method });
  const parsed = parseBody(body);
  if (!parsed.ok) throw new Error('not JSON-RPC');
  const base = { op: 'stateless', sessionId: '', epoch: 0, headers: {}, body } as const;
  return { ...base, parsed: parsed.value, ...facts };
};

/** Two pods whose answers the test gives; hedges after 100 ms. */
function world(options: { delayMs?: number; budget?: boolean; second?: string } = {}) {
  const { delayMs = 100, budget = true, second = 'b' } = options;
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const asked: string[] = [];
  const cancelled: string[] = [];
  const answer: Record<string, (reply: OwnerReply) => void> = {};
  let retries = 0;
  const ask = hedge(
    (node, _request, signal) => {
      asked.push(node);
      signal.addEventListener('abort', () => cancelled.push(node));
      return new Promise((resolve) => (answer[node] = resolve));
    },
    {
      clock,
      metrics: createGatewayMetrics(metrics),
      policies: () => ({
        ...DEFAULT_POLICIES,
        health: { ...DEFAULT_POLICIES.health, ...(delayMs === 0 ? {} : { hedging: { delayMs } }) },
      }),
      balancing: {
        place: ({ avoid }) => (avoid.has(second) ? undefined : second),
        budget: {
          get running() {
            return retries;
          },
          tryRetry() {
            if (!budget) return undefined;
            retries += 1;
            return () => void (retries -= 1);
          },
        },
      },
    },
  );
  const start = (request: OwnerRequest): Promise<OwnerReply> =>
    ask('a', request, new AbortController().signal);
  return { clock, metrics, asked, cancelled, answer, start, retries: () => retries };
}

test(`the second answers first: ${verifies('health.hedging')}`, async () => {
  const { clock, metrics, asked, cancelled, answer, start, retries } = world();
  const reply = start(stateless('tools/list'));
  await clock.advance(99);
  assert.deepEqual(asked, ['a']);
  await clock.advance(1);
  assert.deepEqual(asked, ['a', 'b']);
  assert.equal(retries(), 1, 'a hedge is a retry for the budget');
  answer['b']?.(plain(200, 'from b'));
  assert.deepEqual(await reply, plain(200, 'from b'));
  assert.deepEqual(cancelled, ['a'], 'the loser is cancelled, the winner is not');
  assert.equal(retries(), 0);
  assert.match(await metrics.exposition(), /gateway_hedged_total\{winner="second"\} 1/);
});

test('the first answers first, or the second refuses', async () => {
  for (const refuse of [false, true]) {
    const { clock, cancelled, answer, start } = world();
    const reply = start(stateless('resources/read'));
    await clock.advance(100);
    if (refuse) answer['b']?.(refused('backend-down', false));
    await clock.advance(10);
    answer['a']?.(plain(200, 'from a'));
    assert.deepEqual(await reply, plain(200, 'from a'));
    assert.deepEqual(cancelled, ['b']);
  }
});

test('when both refuse, the first refusal is the answer', async () => {
  const { clock, answer, start } = world();
  const reply = start(stateless('tools/list'));
  await clock.advance(100);
  answer['b']?.(refused('draining', false));
  answer['a']?.(refused('backend-down', true));
  assert.deepEqual(await reply, refused('backend-down', true));
});

test('an answer in time is not hedged, and leaves no timer', async () => {
  const { clock, asked, answer, start } = world();
  const reply = start(stateless('tools/list'));
  answer['a']?.(plain(200, 'quick'));
  assert.deepEqual(await reply, plain(200, 'quick'));
  assert.equal(clock.pending, 0);
  assert.deepEqual(asked, ['a']);
});

test('what is never hedged', async () => {
  const cases: [string, OwnerRequest, Parameters<typeof world>[0]][] = [
    ['switched off', stateless('tools/list'), { delayMs: 0 }],
    ['a call', stateless('tools/call'), {}],
    ['a task, which lives at one pod', stateless('tasks/get'), {}],
    ['a request of a session', stateless('tools/list', { op: 'post' }), {}],
    ['what names a state', stateless('tools/list', { placed: true }), {}],
    ['no budget', stateless('tools/list'), { budget: false }],
    ['no other pod', stateless('tools/list'), { second: 'a' }],
  ];
  for (const [what, request, options] of cases) {
    const { clock, asked, answer, start, retries } = world(options);
    const reply = start(request);
    await clock.advance(10_000);
    assert.deepEqual(asked, ['a'], what);
    answer['a']?.(plain(200, ''));
    await reply;
    assert.equal(retries(), 0);
  }
});
