/** What people are told to scale by exists. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { load, loadAll } from 'js-yaml';

const read = (path: string): Promise<string> =>
  readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

test('the page on autoscaling names metrics that members export, as the sample does', async () => {
  const [page, table, sample] = await Promise.all([
    read('docs/autoscaling.md'),
    read('docs/metrics.md'),
    read('deploy/samples/autoscaling.yaml'),
  ]);
  const listed = (name: string): boolean => table.includes(`| \`${name}\` |`);
  const [rule, scaled] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) =>
    load(text),
  ) as [
    { rules: { custom: { seriesQuery: string }[] } },
    { spec: { scaleTargetRef: object; triggers: { metadata: { query: string } }[] } },
  ];
  const [, autoscaler] = loadAll(sample) as [
    object,
    { spec: { scaleTargetRef: object; metrics: { pods: { metric: { name: string } } }[] } },
  ];
  const wanted = autoscaler.spec.metrics.map(({ pods }) => pods.metric.name);
  assert.equal(wanted.length, 2);
  const pattern = /=~"([^"]*)"/.exec(rule.rules.custom[0]?.seriesQuery ?? '')?.[1] ?? '';
  for (const name of wanted) {
    assert.ok(listed(name), `${name} is not exported`);
    assert.match(name, new RegExp(`^(?:${pattern})$`), 'the rule of the adapter leaves it out');
  }
  const query = scaled.spec.triggers[0]?.metadata.query ?? '';
  assert.ok(listed(/\((\w+)\{/.exec(query)?.[1] ?? ''), query);
  assert.deepEqual(scaled.spec.scaleTargetRef, autoscaler.spec.scaleTargetRef);
});
