/** Merge patch, JSON patch and strategic merge patch: laws, examples of the RFCs, directives. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  builtinSchema,
  jsonPatch,
  mergePatch,
  strategicMerge,
} from '../../../src/devcluster/schema/index.ts';
import { verifies } from '../../requirements.ts';

/** Objects without nulls: documents as Kubernetes stores them. */
const documents = fc.letrec((tie) => ({
  value: fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(fc.string({ maxLength: 4 }), tie('value'), {
    maxKeys: 4,
    noNullPrototype: true,
  }),
})).object;
const patches = fc.dictionary(
  fc.string({ maxLength: 4 }),
  fc.oneof(
    fc.constant(null),
    fc.integer(),
    fc.dictionary(fc.string({ maxLength: 3 }), fc.constant(null), { noNullPrototype: true }),
  ),
  { noNullPrototype: true },
);

test(verifies('schema.patches-follow-rfc'), () => {
  fc.assert(
    fc.property(documents, patches, (document, patch) => {
      const once = mergePatch(document, patch);
      assert.deepEqual(mergePatch(once, patch), once);
      assert.deepEqual(mergePatch(document, {}), document);
      assert.deepEqual(mergePatch({}, document), document);
    }),
  );
  // RFC 6902, appendix A.
  const cases: [unknown, object[], unknown][] = [
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { baz: 'qux', foo: 'bar' }],
    [
      { foo: ['bar', 'baz'] },
      [{ op: 'add', path: '/foo/1', value: 'qux' }],
      { foo: ['bar', 'qux', 'baz'] },
    ],
    [{ baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    [{ foo: ['a', 'b', 'c'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['a', 'c'] }],
    [
      { foo: ['a', 'b', 'c'] },
      [{ op: 'move', from: '/foo/1', path: '/foo/2' }],
      { foo: ['a', 'c', 'b'] },
    ],
    [
      { foo: 1 },
      [
        { op: 'test', path: '/foo', value: 1 },
        { op: 'copy', from: '/foo', path: '/bar' },
      ],
      { foo: 1, bar: 1 },
    ],
    [{ '/': 9, '~1': 10 }, [{ op: 'replace', path: '/~01', value: 11 }], { '/': 9, '~1': 11 }],
    [{ foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['x'] }], { foo: ['bar', ['x']] }],
  ];
  for (const [document, operations, expected] of cases) {
    const before = structuredClone(document);
    const result = jsonPatch(document, operations as never);
    assert.deepEqual(result, { ok: true, value: expected });
    assert.deepEqual(document, before);
  }
});

test('a JSON patch that does not fit is refused whole', () => {
  const refused = (operations: object[]): string => {
    const result = jsonPatch({ a: [1], b: { c: 1 } }, operations as never);
    return result.ok ? 'accepted' : result.error;
  };
  assert.equal(
    refused([{ op: 'remove', path: '/x' }]),
    'remove operation does not apply: Unable to remove nonexistent key: x: missing value',
  );
  assert.equal(
    refused([{ op: 'test', path: '/b/c', value: 2 }]),
    'testing value /b/c failed: test failed',
  );
  assert.match(refused([{ op: 'add', path: '/a/7', value: 1 }]), /invalid index referenced/);
  assert.match(refused([{ op: 'add', path: '/x/y', value: 1 }]), /doc is missing path/);
  assert.equal(refused([{ op: 'grow', path: '/a' }]), 'Unexpected kind: grow');
});

test('a strategic merge patch merges containers by name and obeys its directives', () => {
  const schema = builtinSchema('', 'v1', 'Pod');
  assert.ok(schema);
  const pod = (containers: object[], more: object = {}): { [field: string]: unknown } => ({
    spec: { containers, ...more },
  });
  const live = pod(
    [
      { name: 'a', image: 'a:1', args: ['x'] },
      { name: 'b', image: 'b:1' },
    ],
    {
      volumes: [{ name: 'v', emptyDir: {} }],
    },
  );
  const merged = (patch: object): unknown => strategicMerge(schema, live, { spec: patch });
  assert.deepEqual(
    merged({
      containers: [
        { name: 'b', image: 'b:2' },
        { name: 'c', image: 'c:1' },
      ],
    }),
    pod(
      [
        { name: 'a', image: 'a:1', args: ['x'] },
        { name: 'b', image: 'b:2' },
        { name: 'c', image: 'c:1' },
      ],
      { volumes: [{ name: 'v', emptyDir: {} }] },
    ),
  );
  assert.deepEqual(
    merged({ containers: [{ name: 'a', $patch: 'delete' }], volumes: null }),
    pod([{ name: 'b', image: 'b:1' }]),
  );
  assert.deepEqual(
    merged({ volumes: [{ $patch: 'replace' }, { name: 'w' }], $setElementOrder: [] }),
    { spec: { ...(live['spec'] as object), volumes: [{ name: 'w' }], $setElementOrder: [] } },
  );
  assert.deepEqual(
    merged({
      '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
      volumes: [{ name: 'v', $retainKeys: ['name', 'secret'], secret: {} }],
    }),
    pod(
      [
        { name: 'b', image: 'b:1' },
        { name: 'a', image: 'a:1', args: ['x'] },
      ],
      {
        volumes: [{ name: 'v', secret: {} }],
      },
    ),
  );
  assert.deepEqual(
    strategicMerge(
      schema,
      { metadata: { finalizers: ['a', 'b', 'c'] } },
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['b'], finalizers: ['d'] } },
    ),
    { metadata: { finalizers: ['d', 'a', 'c'] } },
  );
  assert.throws(
    () => merged({ containers: [{ image: 'x' }] }),
    /does not contain declared merge key: name/,
  );
});
