/** The committed CRD is what the source says, and the source says what a structural schema must. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { generatedFiles } from '../../deploy/generate.ts';
import { defaultVoters, mcpClusterCrd, mergeConditions, type Schema } from '../../src/api/index.ts';
import { verifies } from '../requirements.ts';

const schema: Schema = mcpClusterCrd().spec.versions[0].schema.openAPIV3Schema;

function* walk(node: Schema, path: string): Generator<[string, Schema]> {
  yield [path, node];
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    yield* walk(child, `${path}.${name}`);
  }
  if (node.items !== undefined) yield* walk(node.items, `${path}[]`);
  if (node.additionalProperties !== undefined) yield* walk(node.additionalProperties, `${path}{}`);
}

test(verifies('api.generated'), async () => {
  for (const [path, content] of Object.entries(generatedFiles())) {
    const committed = await readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
    assert.equal(committed, content, `${path} is stale: run npm run generate`);
  }
});

test('every field of spec and status is described for kubectl explain', () => {
  const undescribed = [...walk(schema, '')]
    .filter(([path]) => /^\.(spec|status)/.test(path) && !/(\[\]|\{\})$/.test(path))
    .filter(([, node]) => (node.description ?? '') === '')
    .map(([path]) => path);
  assert.deepEqual(undescribed, []);
});

test('every list and free text below spec is bounded, so that rules have a bounded cost', () => {
  const unbounded = [...walk(schema.properties?.['spec'] ?? {}, '')]
    .filter(([, node]) => node.type === 'array' || node.type === 'string')
    .filter(([, node]) => node.maxItems === undefined && node.maxLength === undefined)
    .filter(([, node]) => node.enum === undefined && node.pattern === undefined)
    .map(([path]) => path);
  assert.deepEqual(unbounded, []);
});

test('no part of the schema lets unknown fields through', () => {
  assert.doesNotMatch(JSON.stringify(schema), /preserve-unknown/);
});

test('voters default to the largest odd number that is at most replicas and at most five', () => {
  const table = [1, 2, 3, 4, 5, 6, 7, 9, 99].map((replicas) => [replicas, defaultVoters(replicas)]);
  assert.deepEqual(Object.fromEntries(table), {
    1: 1,
    2: 1,
    3: 3,
    4: 3,
    5: 5,
    6: 5,
    7: 5,
    9: 5,
    99: 5,
  });
});

test('a condition keeps its time of transition until its state changes', () => {
  const draft = { type: 'Available', status: 'True', reason: 'A', message: 'a' } as const;
  const first = mergeConditions([], [draft], { generation: 1, now: '2026-01-01T00:00:00Z' });
  const reworded = mergeConditions(first, [{ ...draft, reason: 'B' }], {
    generation: 2,
    now: '2026-01-02T00:00:00Z',
  });
  assert.equal(reworded[0]?.lastTransitionTime, '2026-01-01T00:00:00Z');
  assert.equal(reworded[0]?.observedGeneration, 2);
  const changed = mergeConditions(reworded, [{ ...draft, status: 'False' }], {
    generation: 2,
    now: '2026-01-03T00:00:00Z',
  });
  assert.equal(changed[0]?.lastTransitionTime, '2026-01-03T00:00:00Z');
});
