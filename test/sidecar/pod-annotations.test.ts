import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock as clock } from '../../src/host/index.ts';
import {
  parseCapabilities,
  parseWeight,
  watchPodAnnotations,
} from '../../src/sidecar/pod-annotations.ts';
import { silentLogger as logger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';

test(verifies('sidecar.pod-annotations'), async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'annotations-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'weight'), '3');
  const annotations = await watchPodAnnotations(folder, { clock, logger });
  t.after(() => annotations.stop());
  assert.deepEqual(annotations.current(), { weight: 3, capabilities: [] });
  let changes = 0;
  annotations.onChange(() => changes++);
  await writeFile(join(folder, 'weight'), '');
  await writeFile(join(folder, 'capabilities'), 'gpu, zone/eu');
  await eventually('the new annotations', () => annotations.current().capabilities.length === 2);
  assert.deepEqual(annotations.current(), { weight: undefined, capabilities: ['gpu', 'zone/eu'] });
  assert.ok(changes > 0);
});

test('without a folder there are no annotations', async () => {
  const annotations = await watchPodAnnotations(undefined, { clock, logger });
  assert.deepEqual(annotations.current(), { weight: undefined, capabilities: [] });
});

test('a wrong annotation counts as absent and says why', () => {
  assert.equal(parseWeight(''), undefined);
  assert.equal(parseWeight('0.5'), 0.5);
  for (const text of ['-1', '1001', 'heavy', '1e3', '0x1']) {
    assert.deepEqual(parseWeight(text), {
      problem: `"${text}" is not a weight between 0 and 1000`,
    });
  }
  assert.deepEqual(parseCapabilities(' , '), []);
  assert.deepEqual(parseCapabilities('a,a'), ['a']);
  assert.deepEqual(parseCapabilities('a,b c'), { problem: '"b c" is not a label' });
  const many = Array.from({ length: 40 }, (_, index) => `label-${index}`).join();
  assert.deepEqual(parseCapabilities(many), { problem: `${many.length} characters: at most 256` });
});
