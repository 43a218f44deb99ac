/** Server-side apply without a real server: laws, a conflict's words, ownership that moves. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  serverSideApply,
  updateManagedFields,
  type KubeObject,
} from '../../../src/devcluster/schema/index.ts';
import { verifies } from '../../requirements.ts';
import { KINDS } from './model.ts';

const name = fc.constantFrom('a', 'b', 'c', 'd');
const specs = fc.record(
  {
    image: fc.constantFrom('x', 'y'),
    replicas: fc.integer({ min: 1, max: 9 }),
    tags: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }),
    atoms: fc.array(name, { maxLength: 3 }),
    ports: fc.uniqueArray(fc.record({ port: fc.integer({ min: 1, max: 4 }), name }), {
      selector: ({ port }) => port,
      // An emptied list is not owned by anybody: the next apply of it brings it back, here and on a real server.
      minLength: 1,
    }),
    labels: fc.dictionary(name, name, { noNullPrototype: true }),
    free: fc.dictionary(
      name,
      fc.oneof(name, fc.dictionary(name, name, { noNullPrototype: true })),
      { noNullPrototype: true },
    ),
  },
  { requiredKeys: ['image'] },
);

const first = new Date('2026-01-01T00:00:00Z');
const later = new Date('2026-01-02T00:00:00Z');

function widgetOf(spec: object): KubeObject {
  return { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' }, spec };
}

function apply(
  live: KubeObject | undefined,
  spec: object,
  manager: string,
  now = first,
  force = true,
): KubeObject {
  const { schema } = KINDS.cr;
  const applied = widgetOf(spec);
  const result = serverSideApply({ schema, ...(live && { live }), applied, manager, force, now });
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

test(verifies('schema.apply-idempotent'), () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(specs, name), { minLength: 1, maxLength: 5 }), (steps) => {
      let live: KubeObject | undefined;
      for (const [spec, manager] of steps) {
        const once = apply(live, spec, manager);
        const twice = apply(once, spec, manager, later);
        assert.deepEqual(twice, once);
        live = once;
      }
    }),
  );
});

test('what one manager alone applied goes when it applies it no more; what two applied stays', () => {
  let live = apply(undefined, { image: 'x', labels: { mine: '1', ours: '1' } }, 'a');
  live = apply(live, { image: 'x', labels: { ours: '1' } }, 'b');
  live = apply(live, { image: 'x' }, 'a');
  assert.deepEqual((live['spec'] as { labels: unknown }).labels, { ours: '1' });
});

test('another value without force is a conflict that names the field and its owner', () => {
  const live = apply(undefined, { image: 'x', ports: [{ port: 1, name: 'p' }] }, 'a');
  const refused = serverSideApply({
    schema: KINDS.cr.schema,
    live,
    applied: widgetOf({ image: 'x', ports: [{ port: 1, name: 'q' }] }),
    manager: 'b',
    force: false,
    now: later,
  });
  assert.deepEqual(refused, {
    ok: false,
    error: {
      kind: 'conflict',
      message:
        'Apply failed with 1 conflict: conflict with "a": .spec.ports[port=1,protocol="TCP"].name',
      conflicts: [
        { field: '.spec.ports[port=1,protocol="TCP"].name', message: 'conflict with "a"' },
      ],
    },
  });
});

test('an update takes the fields it changes, and an object equal but for times keeps its entries', () => {
  const { schema } = KINDS.cm;
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { x: '1' } };
  const made = updateManagedFields({ schema, object, manager: 'm', now: first });
  assert.deepEqual(made.metadata.managedFields, [
    {
      manager: 'm',
      operation: 'Update',
      apiVersion: 'v1',
      time: '2026-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:data': { '.': {}, 'f:x': {} } },
    },
  ]);
  assert.deepEqual(
    updateManagedFields({ schema, live: made, object: made, manager: 'n', now: later }),
    made,
  );
  const changed = updateManagedFields({
    schema,
    live: made,
    object: { ...made, data: { x: '2' } },
    manager: 'n',
    now: later,
  });
  assert.deepEqual(
    changed.metadata.managedFields?.map(({ manager, fieldsV1 }) => [manager, fieldsV1]),
    [
      ['m', { 'f:data': {} }],
      ['n', { 'f:data': { 'f:x': {} } }],
    ],
  );
});
