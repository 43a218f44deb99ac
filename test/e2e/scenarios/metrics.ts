/** Metrics, rules and dashboards, judged by promtool and a real Prometheus on a running cluster in which a pod dies. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DASHBOARDS } from '../../../deploy/monitoring/index.ts';
import { ruleGroups } from '../../../deploy/monitoring/rules.ts';
import { SIDECAR_PORTS } from '../../../src/api/index.ts';
import { twinOf } from '../../../src/devcluster/index.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { exportedNames, namesIn } from '../../monitoring/metric-names.ts';
import { metricTable } from '../../monitoring/metric-table.ts';
import { promtool, runPromtool } from '../../monitoring/programs.ts';
import { verifies } from '../../requirements.ts';
import type { LaptopArena } from '../laptop.ts';
import { NAMESPACE } from '../manifests.ts';
import { prometheusProgram, startObserver, type Observer } from '../observer.ts';
import { scenario, type Scenario } from '../scenario.ts';
import {
  assertSurvived,
  moreCalls,
  openBusySession,
  openSessionOn,
  withMembers,
} from '../sessions.ts';
import { SAMPLE, whole } from './cluster.ts';

/** What each process exports, by its name. */
async function expositions(arena: LaptopArena): Promise<Map<string, string>> {
  const { items } = await arena.client.list(RESOURCES.pods, { namespace: NAMESPACE });
  const addresses = items
    .filter(({ metadata }) => metadata.name?.startsWith(`${SAMPLE}-`))
    .map(({ metadata, status }): [string, string] => {
      const { podIP = '' } = status as { podIP?: string };
      return [metadata.name ?? '', `${twinOf(podIP)}:${SIDECAR_PORTS.metrics}`];
    });
  const read = async (address: string): Promise<string> =>
    (await fetch(`http://${address}/metrics`)).text();
  return new Map(
    await Promise.all(
      [...addresses, ['operator', arena.operatorAddress] as const].map(
        async ([name, address]) => [name, await read(address)] as const,
      ),
    ),
  );
}

const QUERIES = Object.entries(DASHBOARDS).flatMap(([name, { rows }]) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) =>
      queries.map(({ expr }) => ({ where: `${name}: ${title}`, expr })),
    ),
  ),
);

const realNames = scenario(verifies('rules.real-names'), async (arena: LaptopArena) => {
  await whole(arena);
  const all = [...(await expositions(arena)).values()].map(exportedNames);
  const known = new Set(['up', ...all.flatMap((names) => [...names])]);
  const rules = ruleGroups().groups.flatMap((group) => group.rules);
  for (const { record } of rules) if (record !== undefined) known.add(record);
  const expressions = [...rules, ...QUERIES].map(({ expr }) => expr);
  const named = new Set(expressions.flatMap(namesIn));
  assert.ok(named.size > 50, `only ${named.size} names`);
  assert.deepEqual(
    [...named].filter((name) => !known.has(name)),
    [],
  );
});

const clean: Scenario<LaptopArena> = {
  ...scenario(verifies('metrics.promtool'), async (arena: LaptopArena) => {
    const all = await expositions(arena);
    assert.equal(all.size, 4);
    for (const [name, text] of all) {
      assert.ok(exportedNames(text).size > 50, `${name}: ${text.slice(0, 200)}`);
      assert.equal(await runPromtool(['check', 'metrics'], text), '', name);
    }
  }),
  lacks: promtool === undefined && 'promtool',
};

const table = scenario('docs/metrics.md is the table of metrics', async (arena: LaptopArena) => {
  const all = await expositions(arena);
  const made = metricTable({
    'the operator': all.get('operator') ?? '',
    members: all.get(`${SAMPLE}-0`) ?? '',
  });
  const file = join(arena.root, 'docs/metrics.md');
  if (process.env['UPDATE'] === '1') await writeFile(file, made);
  assert.equal(await readFile(file, 'utf8'), made);
});

/** As Grafana would ask with everything chosen; short, so that what happens here is in it. */
const filled = (expr: string): string =>
  expr.replaceAll(/\$(namespace|cluster)/g, '.+').replaceAll('$__rate_interval', '20s');

async function assertNoEmptyPanel(observer: Observer): Promise<void> {
  let empty: string[] = [];
  await eventually(
    'every query to have data',
    async () => {
      const answers = await Promise.all(
        QUERIES.map(async ({ where, expr }) => ({
          what: `${where}: ${filled(expr)}`,
          values: await observer.values(filled(expr)),
        })),
      );
      empty = answers.filter(({ values }) => values.length === 0).map(({ what }) => what);
      return empty.length === 0;
    },
    20_000,
  ).catch(() => undefined);
  assert.deepEqual(empty, []);
}

const dashboards: Scenario<LaptopArena> = {
  ...scenario(verifies('dashboards.no-empty-panel'), async (arena: LaptopArena) => {
    const observer = await startObserver(arena);
    try {
      const url = await arena.url(SAMPLE);
      const others = await Promise.all([1, 2].map(() => openBusySession(url)));
      const { session, owner } = await withMembers(arena, SAMPLE, (members) =>
        openSessionOn(url, members, () => true),
      );
      const counts = async (expr: string): Promise<number> => (await observer.values(expr))[0] ?? 0;
      await eventually('four targets', async () => (await counts('sum(up)')) === 4, 20_000);
      await moreCalls(session);
      const killedAt = Date.now();
      await arena.killPod(owner);
      await moreCalls(session, 60);
      const moved = 'sum(mcp_cluster_gateway_session_moves_total{result="moved"})';
      await eventually('the move in Prometheus', async () => (await counts(moved)) >= 1, 20_000);
      await assertNoEmptyPanel(observer);
      for (const each of [...others, session]) await assertSurvived(each, killedAt);
      const rules = await observer.rules();
      assert.deepEqual([...new Set(rules.values())], ['ok'], JSON.stringify([...rules]));
      await whole(arena);
    } finally {
      await observer.stop();
    }
  }),
  lacks: prometheusProgram === undefined && 'prometheus',
};

/** On the sample, while it runs. */
export const metricScenarios: readonly Scenario<LaptopArena>[] = [
  realNames,
  clean,
  table,
  dashboards,
];
