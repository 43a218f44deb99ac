/** The alerts by Prometheus' own judgement: well-formed, firing when they should, silent when they should, with a runbook. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { dump } from 'js-yaml';
import { ALERTS, ruleGroups, RUNBOOKS } from '../../deploy/monitoring/rules.ts';
import { verifies } from '../requirements.ts';
import { overdueAt } from '../../src/sidecar/identity/renewal.ts';
import { ALERT_CASES, certificate, type AlertCase } from './alert-cases.ts';
import { runPromtool, withoutPromtool } from './programs.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const RULES = join(root, 'deploy/prometheus/rules.yaml');

const MINUTES: Readonly<Record<string, number>> = { m: 1, h: 60 };
const minutes = (duration: string): number =>
  Number.parseInt(duration, 10) * (MINUTES[duration.at(-1) ?? ''] ?? Number.NaN);

const selector = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}="${value}"`)
    .join(',');

/** The case as promtool wants it: not a minute too early, then firing with all its labels; and silent. */
function promtoolTests(alertname: string, { fires, silent, labels, at }: AlertCase): object[] {
  const { for: holds = '', severity } = ALERTS[alertname] ?? {};
  const needed = minutes(holds);
  const firing = { alertname, alertstate: 'firing', severity: severity ?? '', ...labels };
  const expr = `ALERTS{alertname="${alertname}",alertstate="firing"}`;
  const when = `${at ?? needed + 5}m`;
  const rows = (series: AlertCase['fires']) =>
    Object.entries(series).map(([name, values]) => ({ series: name, values }));
  return [
    {
      name: `${alertname} fires`,
      interval: '1m',
      input_series: rows(fires),
      promql_expr_test: [
        { expr, eval_time: `${needed - 1}m`, exp_samples: [] },
        {
          expr,
          eval_time: when,
          exp_samples: [{ labels: `ALERTS{${selector(firing)}}`, value: 1 }],
        },
      ],
    },
    {
      name: `${alertname} is silent`,
      interval: '1m',
      input_series: rows(silent),
      promql_expr_test: [{ expr, eval_time: when, exp_samples: [] }],
    },
  ];
}

test('each alert says what it is about, how grave it is, and where to read on', async () => {
  assert.deepEqual(Object.keys(ALERT_CASES).sort(), Object.keys(ALERTS).sort());
  for (const { alert, for: holds, labels = {}, annotations = {} } of ruleGroups().groups.flatMap(
    ({ rules }) => rules,
  )) {
    if (alert === undefined) continue;
    assert.match(holds ?? '', /^[1-9]\d*[mh]$/, alert);
    assert.ok(['critical', 'warning', 'info'].includes(labels['severity'] ?? ''), alert);
    const { summary = '', description = '', runbook_url: url = '' } = annotations;
    assert.ok(summary.length > 10 && description.length > 10, alert);
    const page = url.slice(url.lastIndexOf('/') + 1);
    const text = await readFile(join(root, RUNBOOKS, page), 'utf8');
    assert.ok(text.includes(`# ${alert}\n`), url);
    // A label that the alert does not have would be an empty place in the sentence.
    const known = Object.keys(ALERT_CASES[alert]?.labels ?? {});
    const texts = [summary, description, ...Object.values(labels)].join(' ');
    for (const [, label = ''] of texts.matchAll(/\$labels\.(\w+)/g)) {
      assert.ok(known.includes(label), `${alert} has no label ${label}`);
    }
  }
});

test('promtool takes the rules', { skip: withoutPromtool }, async () => {
  assert.match(await runPromtool(['check', 'rules', RULES]), /SUCCESS: \d+ rules found/);
});

/** Runs the tests of these alerts; rejects with what promtool complains about. `every`: between two evaluations. */
function judge(names: readonly string[], every: string, withInput = true): Promise<void> {
  const tests = names
    .flatMap((name) => promtoolTests(name, ALERT_CASES[name] as AlertCase))
    .map((each) => (withInput ? each : { ...each, input_series: [] }));
  return judgeTests(tests, every);
}

async function judgeTests(tests: readonly object[], every: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'rules-'));
  try {
    const file = join(folder, 'cases.yaml');
    await writeFile(file, dump({ rule_files: [RULES], evaluation_interval: every, tests }));
    assert.match(await runPromtool(['test', 'rules', file]), /SUCCESS/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test(verifies('rules.tested'), { skip: withoutPromtool }, async () => {
  const names = Object.keys(ALERT_CASES);
  const isSlow = (name: string): boolean => minutes(ALERTS[name]?.for ?? '') > 120;
  await judge(
    names.filter((name) => !isSlow(name)),
    '1m',
  );
  // A day of minutes, evaluated each minute, would take longer than all the others.
  await judge(names.filter(isSlow), '30m');
  // The judge can say no.
  await assert.rejects(judge(['McpServerDown'], '1m', false), /FAILED[^]*McpServerDown/);
});

test(verifies('rules.certificate-not-renewed'), { skip: withoutPromtool }, async () => {
  const expr = 'ALERTS{alertname="McpMemberCertificateNotRenewed",alertstate="firing"}';
  // From five minutes to a year, which is what spec.tls.renewBefore may be.
  const lefts = [5, 8, 60, 239, 240, 241, 480, 30 * 1_440, 363 * 1_440];
  const tests = lefts.map((left) => {
    // Overdue half a minute after the thirtieth, which is seen at the next and holds for another one.
    const grace = overdueAt({ dueAt: 0, expiresAt: left * 60_000 }) / 60_000;
    const due = 30.5 - grace;
    assert.ok(grace <= left / 4, 'most of the time is left when it fires');
    const series = Object.entries(certificate(due, due + left));
    return {
      name: `due ${left} minutes before the end`,
      interval: '1m',
      input_series: series.map(([name, values]) => ({ series: name, values })),
      promql_expr_test: [
        { expr, eval_time: '31m', exp_samples: [] },
        { expr: `count(${expr})`, eval_time: '32m', exp_samples: [{ labels: '{}', value: 1 }] },
      ],
    };
  });
  await judgeTests(tests, '1m');
});
