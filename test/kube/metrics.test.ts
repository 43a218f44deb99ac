/** The metrics of controllers, queues and requests, as stock dashboards for controller-runtime expect them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createController, RESOURCES, TerminalError } from '../../src/kube/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { configMap, json, refuse } from './scripted-server.ts';
import { withServer } from './setup.ts';

const setup = () => ({
  name: 'c',
  clock: createVirtualClock(),
  random: { next: () => 0.5, bytes: (length: number) => new Uint8Array(length) },
  metrics: createMetrics(),
  logger: silentLogger,
});

/** `name{label,…}` of each series, histograms by their `_count`, with the number of their buckets. */
function shapes(exposition: string): string[] {
  const buckets = new Map<string, Set<string>>();
  const names = new Set<string>();
  for (const line of exposition
    .split('\n')
    .filter((each) => each !== '' && !each.startsWith('#'))) {
    const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
    const keys = [...labels.matchAll(/(\w+)="/g)].map(([, key]) => key as string);
    if (name.endsWith('_bucket')) {
      const base = name.slice(0, -'_bucket'.length);
      const bounds = buckets.get(base) ?? new Set();
      buckets.set(base, bounds.add(/le="([^"]+)"/.exec(labels)?.[1] ?? ''));
    } else if (!name.endsWith('_sum')) names.add(`${name}{${keys.sort().join(',')}}`);
  }
  return [...names]
    .map((name) => {
      const base = /^(\w+)_count\{/.exec(name)?.[1];
      return base === undefined ? name : `${name} ${buckets.get(base)?.size}`;
    })
    .sort();
}

/** Read off controller-runtime 0.23 and client-go 1.36; buckets with the one of infinity. */
const CONTROLLER = [
  'controller_runtime_active_workers{controller}',
  'controller_runtime_max_concurrent_reconciles{controller}',
  'controller_runtime_reconcile_errors_total{controller}',
  'controller_runtime_reconcile_panics_total{controller}',
  'controller_runtime_reconcile_time_seconds_count{controller} 41',
  'controller_runtime_reconcile_timeouts_total{controller}',
  'controller_runtime_reconcile_total{controller,result}',
  'controller_runtime_terminal_reconcile_errors_total{controller}',
  'workqueue_adds_total{controller,name}',
  'workqueue_depth{controller,name}',
  'workqueue_longest_running_processor_seconds{controller,name}',
  'workqueue_queue_duration_seconds_count{controller,name} 13',
  'workqueue_refused_total{controller,name}',
  'workqueue_retries_total{controller,name}',
  'workqueue_unfinished_work_seconds{controller,name}',
  'workqueue_work_duration_seconds_count{controller,name} 13',
];
const CLIENT = [
  'rest_client_rate_limiter_duration_seconds_count{host,verb} 13',
  'rest_client_request_duration_seconds_count{host,verb} 13',
  'rest_client_request_retries_total{code,host,verb}',
  'rest_client_request_size_bytes_count{host,verb} 12',
  'rest_client_requests_total{code,host,method}',
  'rest_client_response_size_bytes_count{host,verb} 12',
];

test(verifies('metrics.controller-runtime-names'), async () => {
  const parts = setup();
  const controller = createController({ ...parts, reconcile: async () => ({ kind: 'settled' }) });
  controller.start();
  controller.enqueue('a');
  await parts.clock.advance(1);
  assert.deepEqual(shapes(await parts.metrics.exposition()), CONTROLLER);
  await controller.stop();
  await withServer(async ({ server, client, metrics }) => {
    const answers = [refuse(503, { 'retry-after': '0' })];
    server.other = (response, request) => {
      const refusal = answers.shift();
      if (refusal !== undefined) refusal(response, request);
      else json(response, 200, configMap('a', 1));
    };
    await client.create(RESOURCES.configMaps, configMap('a', 1));
    assert.deepEqual(shapes(await metrics.exposition()), CLIENT);
  });
});

test('work that does not end shows before it ends', async () => {
  const parts = setup();
  const ends: (() => void)[] = [];
  const controller = createController({
    ...parts,
    workersMax: 2,
    reconcile: () => new Promise((resolve) => ends.push(() => resolve({ kind: 'settled' }))),
  });
  controller.start();
  controller.enqueue('a');
  await parts.clock.advance(3_000);
  controller.enqueue('b');
  await parts.clock.advance(2_000);
  const during = await parts.metrics.exposition();
  assert.match(during, /workqueue_unfinished_work_seconds\{[^}]*\} 7\n/);
  assert.match(during, /workqueue_longest_running_processor_seconds\{[^}]*\} 5\n/);
  assert.match(during, /controller_runtime_active_workers\{controller="c"\} 2\n/);
  for (const end of ends) end();
  await parts.clock.advance(1);
  const after = await parts.metrics.exposition();
  assert.match(after, /workqueue_unfinished_work_seconds\{[^}]*\} 0\n/);
  assert.match(after, /controller_runtime_active_workers\{controller="c"\} 0\n/);
  await controller.stop();
});

test('a fault of the program is told apart from a failure', async () => {
  const parts = setup();
  const failures = [new TypeError('x is not a function'), new TerminalError('never')];
  const controller = createController({
    ...parts,
    reconcile: async () => {
      throw failures.shift() ?? new TerminalError('never');
    },
  });
  controller.start();
  controller.enqueue('a');
  await parts.clock.advance(1);
  controller.enqueue('b');
  await parts.clock.advance(1);
  const text = await parts.metrics.exposition();
  assert.match(text, /controller_runtime_reconcile_panics_total\{controller="c"\} 1\n/);
  await controller.stop();
});
