/** Events: one object per series, limits, and never an exception for the one who records. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEventRecorder, type EventInput } from '../../src/kube/index.ts';
import { seededRandom } from '../../src/std/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { createMemoryClient } from './memory-client.ts';
import { configMap } from './scripted-server.ts';

function setup(isCut = false) {
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const client = createMemoryClient(undefined, () => isCut);
  const recorder = createEventRecorder({
    client,
    controller: 'mcpcluster.io/operator',
    instance: 'operator-0',
    clock,
    random: seededRandom(3),
    logger: silentLogger,
    metrics,
    pendingMax: 5,
  });
  return { clock, metrics, client, recorder };
}

const event = (note = 'the server exited'): EventInput => ({
  regarding: configMap('a', 1),
  type: 'Warning',
  reason: 'ServerExited',
  action: 'Observe',
  note,
});

test(verifies('kube.events.series'), async () => {
  const { clock, client, recorder } = setup();
  recorder.record(event());
  recorder.record(event());
  await clock.advance(60_000);
  recorder.record(event());
  recorder.record(event('another note'));
  await recorder.flush();
  const [first, second] = [...client.objects.values()];
  assert.equal(client.objects.size, 2);
  assert.deepEqual(first?.['series'], {
    count: 3,
    lastObservedTime: '2023-11-14T22:14:20.000000Z',
  });
  assert.equal(second?.['note'], 'another note');
  assert.equal(first?.['reportingController'], 'mcpcluster.io/operator');

  await clock.advance(400_000);
  recorder.record(event());
  await recorder.flush();
  assert.equal(client.objects.size, 3, 'after six quiet minutes it is a new event');
});

test('an event that the server has forgotten is created again', async () => {
  const { client, recorder } = setup();
  recorder.record(event());
  await recorder.flush();
  client.objects.clear();
  recorder.record(event());
  await recorder.flush();
  assert.equal(client.objects.size, 1);
});

test('events that cannot be written, or are too many, are dropped and counted', async () => {
  const { metrics, recorder } = setup(true);
  for (let i = 0; i < 8; i++) recorder.record(event(`note ${i}`));
  await recorder.flush();
  const text = await metrics.exposition();
  assert.match(text, /kube_events_dropped_total\{cause="queue"\} 3/);
  assert.match(text, /kube_events_dropped_total\{cause="refused"\} 5/);
});
