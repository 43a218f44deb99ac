/** The webhook's route with whatever may be sent to it, and an API server that does not answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeError, type KubeClient } from '../../src/kube/index.ts';
import { admissionRoute, LOOK_MS_MAX } from '../../src/operator/admission/route.ts';
import { createMetrics, silentLogger as logger } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { cluster } from './core/fixtures.ts';

interface Answered {
  readonly code?: string;
  readonly message?: string;
  readonly response?: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly warnings?: readonly string[];
  };
}

function open(get: () => Promise<undefined>) {
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const client = { get, list: async () => ({ items: [] }) } as unknown as KubeClient;
  const caches = { clusters: { list: () => [] } } as never;
  const route = admissionRoute({ client, caches, clock, logger, metrics });
  const ask = async (body: string) => {
    const { signal } = new AbortController();
    const request = { path: '/', headers: {}, remote: '', signal };
    const { status, body: answer } = await route.answer(request, Buffer.from(body));
    return { status, ...(answer as Answered) };
  };
  return { clock, metrics, ask };
}

const review = (request: object): string =>
  JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request });
const whole = { uid: 'u-1', operation: 'CREATE', object: cluster(), oldObject: null };

test(verifies('webhook.garbage'), async () => {
  const { ask } = open(async () => undefined);
  const garbage = [
    '',
    '{',
    'null',
    '[]',
    '{"apiVersion":"admission.k8s.io/v1beta1"}',
    review({}),
    review({ ...whole, uid: 7 }),
    review({ ...whole, object: null }),
    review({ ...whole, object: { kind: 'Pod', metadata: { name: 'a', namespace: 'b' } } }),
    review({ ...whole, object: { ...cluster(), spec: {} } }),
    review({ ...whole, oldObject: { kind: 'McpCluster' } }),
  ];
  for (const body of garbage) {
    const { status, code, message } = await ask(body);
    assert.equal(status, 400, body);
    assert.equal(code, 'not-a-review');
    assert.match(message ?? '', /send an AdmissionReview of admission\.k8s\.io\/v1/);
  }
  const { response } = await ask(review(whole));
  assert.deepEqual(response, { uid: 'u-1', allowed: true });
});

test('who cannot look says so and keeps nobody from working', async () => {
  const refuses = open(() =>
    Promise.reject(
      new KubeError({ status: 500, reason: 'InternalError', message: 'etcd is away' }),
    ),
  );
  const hangs = open(() => new Promise(() => undefined));
  const hanging = hangs.ask(review(whole));
  await hangs.clock.advance(LOOK_MS_MAX);
  for (const { response } of [await refuses.ask(review(whole)), await hanging]) {
    assert.equal(response?.allowed, true);
    assert.match(response?.warnings?.[0] ?? '', /could not be looked up; its conditions will tell/);
  }
  const text = await refuses.metrics.exposition();
  assert.match(text, /mcp_operator_admission_reviews_total\{outcome="unchecked"\} 1/);
  assert.doesNotMatch(JSON.stringify(await refuses.ask(review(whole))), /etcd/);
});
