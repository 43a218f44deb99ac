/** What is found in expressions is what is asked for: a name that were overlooked would never be checked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportedNames, namesIn } from './metric-names.ts';

test('names in expressions', () => {
  assert.deepEqual(
    namesIn(
      'histogram_quantile(0.99, sum by (pod, le) (rate(a_bucket{x=~"b_c(.+)"}[5m]))) > 1e-9 unless on (name) d:e:f5m == 1',
    ),
    ['a_bucket', 'd:e:f5m'],
  );
  assert.deepEqual(namesIn('time() - up{job!=""} offset 1h or vector(0)'), ['up']);
});

test('names in expositions', () => {
  const text = '# HELP a_total x\n# TYPE a_total counter\n# TYPE b histogram\nb_count 1\n';
  assert.deepEqual([...exportedNames(text)], ['a_total', 'b_bucket', 'b_sum', 'b_count']);
});
