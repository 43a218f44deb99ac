/** What Prometheus is told about a laptop cluster, and what people are told who have none. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { dump } from 'js-yaml';
import { memberTargets, prometheusConfig } from '../../src/cli/prometheus-config.ts';
import { runPromtool, withoutPromtool } from '../monitoring/programs.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

const pod = (name: string, podIP?: string, deletionTimestamp?: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    namespace: 'team',
    name,
    labels: { 'mcpcluster.io/cluster': 'tools' },
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  },
  ...(podIP === undefined ? {} : { status: { podIP } }),
});

test('members are the pods that have an address, with the labels that rules and dashboards need', () => {
  const pods = [
    pod('tools-0', '10.244.1.2'),
    pod('tools-1'),
    pod('tools-2', '10.244.1.3', '2026-01-01T00:00:00Z'),
  ];
  assert.deepEqual(
    memberTargets(pods, (podIp) => `at-${podIp}`),
    [
      {
        targets: ['at-10.244.1.2:9090'],
        labels: { namespace: 'team', pod: 'tools-0', mcp_cluster: 'tools' },
      },
    ],
  );
});

test('promtool takes the configuration', { skip: withoutPromtool }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const membersFile = join(folder, 'members.json');
  await writeFile(membersFile, JSON.stringify(memberTargets([pod('a', '10.0.0.1')], (ip) => ip)));
  const file = join(folder, 'prometheus.yaml');
  const rulesFile = path('deploy/prometheus/rules.yaml');
  const operator = '127.0.0.1:9090';
  await writeFile(
    file,
    dump(prometheusConfig({ operator, membersFile, rulesFile, intervalMs: 5_000 })),
  );
  assert.match(await runPromtool(['check', 'config', file]), /SUCCESS: \d+ rules found/);
});

test('dev --prometheus without Prometheus says what to install, and starts nothing', async () => {
  const { promise, resolve } = Promise.withResolvers<{
    code: unknown;
    stdout: string;
    stderr: string;
  }>();
  execFile(
    process.execPath,
    [path('src/cli/main.ts'), 'dev', '--prometheus'],
    { env: { PATH: '' }, timeout: 60_000 },
    (error, stdout, stderr) => resolve({ code: error?.code, stdout, stderr }),
  );
  const { code, stdout, stderr } = await promise;
  assert.equal(code, 2, stderr);
  assert.match(stderr, /there is no prometheus in PATH: apt-get install prometheus/);
  assert.equal(stdout, '');
});
