/** A body that is let through where rules are in force means the same call to every reader of JSON. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isPlain } from '../../src/gateway/auth/plain-names.ts';
import { parseBody } from '../../src/mcp/index.ts';

/** An object as it is written: members in order, names perhaps in disguise. */
type Member = readonly [name: string, value: string | readonly Member[]];

/** `name` with some letters written as escapes; the same name to a parser. */
function disguised(name: string, mask: number): string {
  const letters = Array.from(name, (letter, index) =>
    ((mask >> index) & 1) === 1
      ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
      : letter,
  );
  return `"${letters.join('')}"`;
}

function write(members: readonly Member[], masks: readonly number[]): string {
  const lines = members.map(([name, value], index) => {
    const key = disguised(name, masks[index % masks.length] ?? 0);
    return `${key} : ${typeof value === 'string' ? JSON.stringify(value) : write(value, masks)}`;
  });
  return `{${lines.join(', ')}}`;
}

interface Reader {
  readonly first: boolean;
  readonly anyCase: boolean;
}
const READERS: readonly Reader[] = [
  { first: false, anyCase: false },
  { first: true, anyCase: false },
  { first: false, anyCase: true },
  { first: true, anyCase: true },
];

/** As Go's reader compares: the long s and the sign of Kelvin count as s and k. */
const folded = (key: string): string => key.toUpperCase().toLowerCase();

function read(members: readonly Member[], name: string, { first, anyCase }: Reader): Member[1] {
  const found = members.filter(([key]) => (anyCase ? folded(key) : key) === name);
  return (first ? found[0] : found.at(-1))?.[1] ?? '';
}

function meaning(members: readonly Member[], reader: Reader): string {
  const params = read(members, 'params', reader);
  const name = typeof params === 'string' ? '' : read(params, 'name', reader);
  return JSON.stringify([read(members, 'method', reader), name]);
}

const spelled = (name: string) =>
  fc.constantFrom(
    ...[name, name, name, name.toUpperCase(), name[0]?.toUpperCase() + name.slice(1)],
    name.replace('s', '\u017f'),
  );
const inner: fc.Arbitrary<Member> = fc.oneof(
  fc.tuple(spelled('name'), fc.constantFrom('allowed', 'denied')),
  fc.tuple(
    fc.constantFrom('arguments', 'x'),
    fc.constantFrom<Member[1]>('"name":"', [['name', 'x']], [['Name', 'x']], [['method', '\\']]),
  ),
);
const outer: fc.Arbitrary<Member> = fc.oneof(
  fc.tuple(spelled('method'), fc.constantFrom('tools/call', 'ping')),
  fc.tuple(spelled('params'), fc.array(inner, { maxLength: 4 })),
  fc.tuple(fc.constant('id'), fc.constant('1')),
);

test('every reader finds the same call in a body that passes', () => {
  let passed = 0;
  let stopped = 0;
  fc.assert(
    fc.property(
      fc.array(outer, { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat(63), { minLength: 1, maxLength: 4 }),
      (members, masks) => {
        const whole: Member[] = [['jsonrpc', '2.0'], ...members];
        const text = write(whole, masks);
        const parsed = parseBody(text);
        if (!parsed.ok) return;
        const meanings = new Set(READERS.map((reader) => meaning(whole, reader)));
        if (isPlain(text, parsed.value)) {
          passed += 1;
          assert.equal(meanings.size, 1, text);
        } else stopped += 1;
      },
    ),
    { numRuns: 20_000, seed: 5 },
  );
  assert.ok(passed > 500 && stopped > 500, `${passed} passed, ${stopped} did not`);
});

test('every reader finds the same state handle in a body that passes', () => {
  const handle: fc.Arbitrary<Member> = fc.tuple(
    spelled('basket'),
    fc.constantFrom('mine', 'yours'),
  );
  const within: fc.Arbitrary<Member> = fc.oneof(
    fc.tuple(spelled('arguments'), fc.array(handle, { maxLength: 3 })),
    fc.tuple(fc.constant('name'), fc.constant('use')),
  );
  let passed = 0;
  let stopped = 0;
  fc.assert(
    fc.property(
      fc.array(within, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(63), { minLength: 1, maxLength: 4 }),
      (params, masks) => {
        const text = write(
          [
            ['jsonrpc', '2.0'],
            ['id', '1'],
            ['method', 'tools/call'],
            ['params', params],
          ],
          masks,
        );
        const parsed = parseBody(text);
        assert.ok(parsed.ok, text);
        const meanings = new Set(
          READERS.map((reader) => {
            const args = read(params, 'arguments', reader);
            return typeof args === 'string' ? '' : String(read(args, 'basket', reader));
          }),
        );
        if (isPlain(text, parsed.value, ['basket'])) {
          passed += 1;
          assert.equal(meanings.size, 1, text);
        } else stopped += 1;
      },
    ),
    { numRuns: 5_000, seed: 6 },
  );
  assert.ok(passed > 500 && stopped > 500, `${passed} passed, ${stopped} did not`);
});

test('an ordinary body passes, however it is written', () => {
  const strings = fc.oneof(
    fc.string(),
    fc.constantFrom('"name":', '\\"', '\\\\', 'method', '\u2028'),
  );
  const plain = fc.record({
    jsonrpc: fc.constant('2.0'),
    id: fc.oneof(fc.nat(), strings),
    method: fc.constantFrom('tools/call', 'tools/list', 'x'),
    params: fc.record({ name: strings, arguments: fc.dictionary(strings, fc.jsonValue()) }),
  });
  fc.assert(
    fc.property(plain, fc.nat(3), (message, indent) => {
      const text = JSON.stringify(message, undefined, indent);
      const parsed = parseBody(text);
      assert.ok(parsed.ok && isPlain(text, parsed.value), text);
    }),
    { numRuns: 5_000, seed: 7 },
  );
});
