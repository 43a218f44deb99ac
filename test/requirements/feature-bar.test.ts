/** The feature bar holds: every part of every row is proved on a real kube-apiserver, or said to be missing where it may be. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FEATURE_BAR, LATER } from './feature-bar.ts';

const TESTS = join(import.meta.dirname, '..');
/** Scenarios run on the backend they are asked for, nodes are real ones; other files say what they need. */
const SCENARIO = /^e2e\/(scenarios|nodes)\/.*\.ts$/;
const ON_REAL_API = /KUBEBUILDER_ASSETS|control-plane\.ts|real-api|real-server/;

/** Requirements that are cited by what runs on a real API server. */
function provedOnRealApi(): ReadonlySet<string> {
  const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' });
  const texts = files.flatMap((path) => {
    if (!SCENARIO.test(path) && !path.endsWith('.test.ts')) return [];
    const text = readFileSync(join(TESTS, path), 'utf8');
    return SCENARIO.test(path) || ON_REAL_API.test(text) ? [text] : [];
  });
  return new Set(
    texts.flatMap((text) =>
      [...text.matchAll(/verifies\(\s*'([^']+)'/g)].map((match) => match[1] as string),
    ),
  );
}

test('the rows are numbered from 1 to 22', () => {
  const numbers = FEATURE_BAR.map(({ row }) => row);
  assert.deepEqual(
    numbers,
    Array.from({ length: 22 }, (_, index) => index + 1),
  );
});

test('every part of a row is proved on a real API server', () => {
  const proved = provedOnRealApi();
  const unproved = FEATURE_BAR.flatMap(({ row, parts }) =>
    parts.flatMap((part) => {
      if ('lacks' in part) return [];
      return part.by.filter((id) => !proved.has(id)).map((id) => `${row}, ${part.what}: ${id}`);
    }),
  );
  assert.deepEqual(unproved, []);
});

test('only rows of later capabilities lack anything, and each has something to say of today', () => {
  const lacking = FEATURE_BAR.filter(
    ({ row, parts }) => !LATER.includes(row) && parts.some((part) => 'lacks' in part),
  );
  assert.deepEqual(
    lacking.map(({ row, feature }) => `${row}: ${feature}`),
    [],
  );
  for (const { row, parts } of FEATURE_BAR) assert.ok(parts.length > 0, `row ${row} is empty`);
});
