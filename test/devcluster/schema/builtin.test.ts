/** Built-in kinds: Go's defaults, Go's refusals, quantities, ages, JSON paths. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  builtinDecodeError,
  builtinSchema,
  renderTable,
  type KubeObject,
} from '../../../src/devcluster/schema/index.ts';
import { humanDuration } from '../../../src/devcluster/schema/human-duration.ts';
import { evaluateJsonPath } from '../../../src/devcluster/schema/json-path.ts';
import { formatQuantity, parseExactQuantity } from '../../../src/devcluster/schema/quantity.ts';

test('a body that does not fit the Go type is refused in Go’s words', () => {
  const refused = (spec: object): string | undefined =>
    builtinDecodeError('apps', 'v1', 'StatefulSet', {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      spec,
    });
  assert.equal(
    refused({ replicas: '3' }),
    'StatefulSet in version "v1" cannot be handled as a StatefulSet: json: cannot unmarshal string into Go struct field StatefulSetSpec.spec.replicas of type int32',
  );
  assert.equal(refused({ replicas: 3, template: { spec: { volumes: null } } }), undefined);
  assert.match(
    refused({ template: { spec: { containers: [{ resources: { limits: { cpu: 'x' } } }] } } }) ??
      '',
    /quantities must match the regular expression/,
  );
});

test('unknown fields of built-in kinds are named with their place', () => {
  const pod = builtinSchema('', 'v1', 'Pod');
  assert.deepEqual(
    pod?.prune({
      spec: { containers: [{ name: 'c', imagee: 'x' }], foo: 1 },
      metadata: { labels: { a: 'b' } },
    }).unknownFields,
    ['spec.containers[0].imagee', 'spec.foo'],
  );
  assert.deepEqual(
    builtinSchema('apps', 'v1', 'ControllerRevision')?.prune({ data: { any: { thing: 1 } } })
      .unknownFields,
    [],
  );
});

test('quantities become canonical', () => {
  const canonical = (text: string): string | undefined => {
    const parsed = parseExactQuantity(text);
    return parsed && formatQuantity(parsed);
  };
  for (const [text, expected] of [
    ['1000m', '1'],
    ['1024Mi', '1Gi'],
    ['0.5Gi', '512Mi'],
    ['1.5', '1500m'],
    ['1e3', '1e3'],
    ['0', '0'],
    ['-100m', '-100m'],
    ['x', undefined],
    ['1 Gi', undefined],
  ] as const) {
    assert.equal(canonical(text), expected, text);
  }
});

test('ages are as short as kubectl prints them', () => {
  const second = 1000;
  for (const [seconds, expected] of [
    [-3, '<invalid>'],
    [-1, '0s'],
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [200, '3m20s'],
    [3600, '60m'],
    [4 * 3600 + 60, '4h1m'],
    [9 * 3600, '9h'],
    [50 * 3600, '2d2h'],
    [10 * 86_400, '10d'],
    [800 * 86_400, '2y70d'],
    [9 * 365 * 86_400, '9y'],
  ] as const) {
    assert.equal(humanDuration(seconds * second), expected, String(seconds));
  }
});

test('printer columns read members, indexes and filters', () => {
  const root = {
    a: [
      { t: 'x', v: 1 },
      { t: 'y', v: 2 },
    ],
    'b.c': { d: 3 },
  };
  assert.deepEqual(evaluateJsonPath('.a[?(@.t=="y")].v', root), [2]);
  assert.deepEqual(evaluateJsonPath('.a[*].v', root), [1, 2]);
  assert.deepEqual(evaluateJsonPath('.a[-1].t', root), ['y']);
  assert.deepEqual(evaluateJsonPath(".['b.c'].d", root), [3]);
  assert.deepEqual(evaluateJsonPath('.b\\.c.d', root), [3]);
  assert.deepEqual(evaluateJsonPath('.nothing.here', root), []);
});

test('an unknown resource prints its name and when it was made', () => {
  const object: KubeObject = {
    apiVersion: 'x/v1',
    kind: 'X',
    metadata: { name: 'n', creationTimestamp: '2026-01-01T00:00:00Z' },
  };
  const table = renderTable({
    group: 'x',
    version: 'v1',
    resource: 'xs',
    objects: [object],
    now: new Date(),
  });
  assert.deepEqual(table.rows[0]?.cells, ['n', '2026-01-01T00:00:00Z']);
  assert.deepEqual(
    table.columnDefinitions.map(({ name }) => name),
    ['Name', 'Created At'],
  );
});

test('an empty list is left out of a list of Go, and kept in raw JSON such as a default', () => {
  const schema = builtinSchema('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition');
  const version = {
    name: 'v1',
    schema: { openAPIV3Schema: { type: 'array', default: [], required: [] } },
  };
  const kept = schema?.applyDefaults({ spec: { versions: [version] } }) as {
    spec: { versions: [typeof version] };
  };
  assert.deepEqual(kept.spec.versions[0].schema.openAPIV3Schema, { type: 'array', default: [] });
});
