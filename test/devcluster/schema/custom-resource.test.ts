/** Definitions and their objects: rules, transitions, defaults; the words are those a real server was seen to use. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  compileCustomResource,
  compileSchema,
  type JsonObject,
  type JsonSchema,
} from '../../../src/devcluster/schema/index.ts';
import { verifies } from '../../requirements.ts';
import { widgetV1 } from './model.ts';
import { WIDGET } from './widget.ts';

const widgetOf = (spec: object): JsonObject => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name: 'w' },
  spec,
});

const texts = (object: JsonObject, old?: JsonObject): string[] => {
  const { schema } = widgetV1;
  return schema
    .validate(schema.applyDefaults(object), old)
    .map(({ field, message }) => `${field}: ${message}`);
};

test(verifies('schema.rules-refuse'), () => {
  assert.deepEqual(texts(widgetOf({ image: 'a', voters: 3 })), []);
  assert.deepEqual(texts(widgetOf({ image: 'a', voters: 4 })), [
    'spec.voters: Invalid value: voters must not exceed replicas',
    'spec: Invalid value: voters must be odd',
  ]);
  assert.deepEqual(texts(widgetOf({ image: 'a', ports: [{ port: 13 }] })), [
    'spec.ports[0]: Invalid value: unlucky',
  ]);
  const old = widgetOf({ image: 'a', immutable: 'x' });
  assert.deepEqual(texts(widgetOf({ image: 'a', immutable: 'y' })), []);
  assert.deepEqual(texts(widgetOf({ image: 'a', immutable: 'y' }), old), [
    'spec.immutable: Invalid value: "y": is immutable',
  ]);
});

/** Result of one rule on `spec`; undefined is accepted. */
function rule(
  source: string,
  properties: Record<string, JsonSchema>,
  spec: object,
): string | undefined {
  const schema = compileSchema({
    type: 'object',
    properties: {
      spec: { type: 'object', properties, 'x-kubernetes-validations': [{ rule: source }] },
    },
  });
  return schema.validate({ spec })[0]?.message;
}

test('rules know the library of Kubernetes', () => {
  const properties: Record<string, JsonSchema> = {
    text: { type: 'string' },
    list: { type: 'array', items: { type: 'integer' } },
    map: { type: 'object', additionalProperties: { type: 'string' } },
    time: { type: 'string', format: 'date-time' },
    'with-dash': { type: 'integer' },
  };
  const spec = {
    text: 'a.b.c',
    list: [1, 2, 3],
    map: { k: 'v' },
    time: '2026-01-01T00:00:00Z',
    'with-dash': 1,
  };
  const holds = [
    "quantity('1Gi').isGreaterThan(quantity('1000Mi')) && isQuantity('50m') && !isQuantity('x')",
    "duration('90s') == duration('1m30s')",
    'self.list.isSorted() && self.list.sum() == 6 && self.list.max() == 3 && self.list.indexOf(2) == 1',
    'self.list.all(i, i > 0) && self.list.exists(i, i == 3) && self.list.filter(i, i > 1).size() == 2',
    "self.text.split('.').size() == 3 && self.text.replace('.', '-') == 'a-b-c'",
    "self.text.matches('^[a-z.]+$') && self.text.find('[b]') == 'b' && self.text.lowerAscii() == self.text",
    "'k' in self.map && self.map.all(k, self.map[k] == 'v') && !has(self.other)",
    "self.time < timestamp('2027-01-01T00:00:00Z')",
    'self.with__dash__dash == 1',
    "self.?text.orValue('') != ''",
    "url('https://h:1/p').getPort() == '1' && isURL('http://x')",
  ];
  for (const source of holds) {
    assert.equal(
      rule(source, { ...properties, other: { type: 'string' } }, spec),
      undefined,
      source,
    );
  }
});

test('an optional old self is there at create', () => {
  const schema = compileSchema({
    type: 'object',
    properties: {
      n: {
        type: 'integer',
        'x-kubernetes-validations': [
          {
            rule: '!oldSelf.hasValue() || self >= oldSelf.value()',
            optionalOldSelf: true,
            message: 'must not shrink',
          },
        ],
      },
    },
  });
  assert.deepEqual(schema.validate({ n: 1 }), []);
  assert.equal(
    schema.validate({ n: 1 }, { n: 2 })[0]?.message,
    'Invalid value: 1: must not shrink',
  );
});

test('pruning names what it removes, and keeps what is free', () => {
  const { object, unknownFields } = widgetV1.schema.prune({
    ...widgetOf({ image: 'a', foo: 1, ports: [{ port: 1, nmae: 'x' }], free: { any: 1 } }),
    bar: 1,
  });
  assert.deepEqual(unknownFields, ['bar', 'spec.foo', 'spec.ports[0].nmae']);
  assert.deepEqual(object, widgetOf({ image: 'a', ports: [{ port: 1 }], free: { any: 1 } }));
});

test('a definition that is not structural is refused with the path in its schema', () => {
  const broken = structuredClone(WIDGET) as unknown as JsonObject;
  const versions = (broken['spec'] as { versions: { schema: { openAPIV3Schema: JsonSchema } }[] })
    .versions;
  const spec = versions[0]?.schema.openAPIV3Schema.properties?.['spec'];
  assert.ok(spec?.properties);
  spec.properties['list'] = { type: 'array' };
  spec.properties['number'] = { type: 'integer', default: 'x' };
  spec['x-kubernetes-validations'] = [{ rule: 'self.nope == 1' }, { rule: 'self.image' }];
  const result = compileCustomResource(broken);
  assert.ok(!result.ok);
  const path = 'spec.validation.openAPIV3Schema.properties[spec]';
  assert.deepEqual(
    result.error.map(({ field }) => field),
    [
      `${path}.x-kubernetes-validations[0].rule`,
      `${path}.x-kubernetes-validations[1].rule`,
      `${path}.properties[list].items`,
      `${path}.properties[number].default`,
    ],
  );
});
