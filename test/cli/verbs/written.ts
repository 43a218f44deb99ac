/** What verbs write and say at any API server, without an operator; the same on the laptop's and on a real one. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { MCP_CLUSTERS, type McpCluster } from '../../../src/api/index.ts';
import { act } from '../../../src/cli/verbs/act.ts';
import { complete } from '../../../src/cli/verbs/complete.ts';
import { fence } from '../../../src/cli/core/changes.ts';
import { createProgram } from '../../../src/cli/verbs/program.ts';
import { UsageError } from '../../../src/host/index.ts';
import { RESOURCES, type KubeClient } from '../../../src/kube/index.ts';
import { readCluster, userCluster } from '../../operator/real-api.ts';
import { verifies } from '../../requirements.ts';
import { runVerb, type Said } from './run.ts';

export interface Place {
  readonly client: KubeClient;
  readonly kubeconfig: string;
  /** That has nothing in it yet. */
  readonly namespace: string;
}

const NAME = 'tools';

/** A cluster whose status says what verbs look at. */
async function create({ client, namespace }: Place): Promise<void> {
  await client.create(MCP_CLUSTERS, userCluster(namespace, NAME));
  const members = [0, 1, 2].map((ordinal) => ({
    name: `${NAME}-${ordinal}`,
    role: ordinal === 0 ? 'Leader' : 'Follower',
    membership: 'Voter',
    ready: true,
  }));
  const status = { leader: `${NAME}-0`, term: 3, members };
  await client.patch(
    MCP_CLUSTERS,
    { namespace, name: NAME },
    { type: 'merge', subresource: 'status', body: { status } },
  );
}

export async function checkWrites(t: TestContext, place: Place): Promise<void> {
  const { client, kubeconfig, namespace } = place;
  const run = (line: string): Promise<Said> => runVerb(kubeconfig, `${line} -n ${namespace}`);
  const spec = async (): Promise<McpCluster['spec']> =>
    (await readCluster(client, namespace, NAME)).spec;
  await create(place);

  await t.test(verifies('verbs.nobody-overwritten'), async () => {
    let isFirst = true;
    const session = { client, namespace, flags: '', print: () => undefined };
    const plan = async (cluster: McpCluster) => {
      if (isFirst) {
        isFirst = false;
        const body = { spec: { fencedMembers: [`${NAME}-0`] } };
        await client.patch(MCP_CLUSTERS, { namespace, name: NAME }, { type: 'merge', body });
      }
      return fence(cluster, [`${NAME}-1`]);
    };
    await act(session, { command: 'fence', name: NAME, plan }, {});
    assert.deepEqual((await spec()).fencedMembers, [`${NAME}-0`, `${NAME}-1`]);
    await run('unfence tools');
  });

  await t.test('a fence: one field, who and when, and the same for a file', async () => {
    const said = await run('fence tools tools-1');
    assert.deepEqual(said, {
      code: 0,
      text: `tools: tools-1 is fenced: no sessions, no leadership
In a file of yours the same is:
  spec:
    fencedMembers:
      - tools-1
See: kubectl mcp status tools -n ${namespace} --kubeconfig ${kubeconfig}`,
    });
    const { metadata, spec: now } = await readCluster(client, namespace, NAME);
    assert.deepEqual(now.fencedMembers, ['tools-1']);
    assert.match(
      metadata.annotations?.['mcpcluster.io/last-command'] ?? '',
      /^fence tools tools-1 by \S+ at \d{4}-\d\d-\d\dT[\d:]+Z$/,
    );
    assert.match((await run('status tools')).text, /^Fenced +tools-1$/m);
    assert.match((await run('unfence tools')).text, /no longer fenced/);
  });

  await t.test(verifies('verbs.dry-run'), async () => {
    const before = await readCluster(client, namespace, NAME);
    for (const line of ['hibernate tools', 'promote tools tools-1', 'restart tools']) {
      const said = await run(`${line} --dry-run=server`);
      assert.match(said.text, /\(dry run: nothing was stored\)/);
    }
    const after = await readCluster(client, namespace, NAME);
    assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);
    const wrong = await run("maintenance tools --schedule 'at night' --dry-run=server");
    assert.equal(wrong.code, 1);
    assert.match(wrong.text, /spec\.update\.maintenanceWindow\.schedule.*five fields of cron/);
  });

  await t.test(
    'a window of maintenance is what was typed, and nothing of the one before',
    async () => {
      await run("maintenance tools --schedule '0 1 * * *' --time-zone Europe/Berlin --duration 5h");
      assert.match((await run("maintenance tools --schedule '0 3 * * SUN'")).text, /2h after "0 3/);
      const { maintenanceWindow } = (await spec()).update;
      assert.deepEqual(maintenanceWindow, {
        schedule: '0 3 * * SUN',
        duration: '2h',
        timeZone: 'UTC',
      });
      await run('maintenance tools --remove');
      assert.equal((await spec()).update.maintenanceWindow, undefined);
    },
  );

  await t.test(verifies('verbs.danger'), async () => {
    const said = await run('hibernate tools');
    assert.equal(said.code, 2);
    assert.match(said.text, /every pod of tools goes.*add --yes if that is meant$/);
    assert.equal((await spec()).hibernated, false);
    assert.equal((await run('hibernate tools --yes')).code, 0);
    assert.equal((await spec()).hibernated, true);
    assert.match((await run('restart tools')).text, /spec\.hibernated is true.*wake it first/);
    assert.equal((await run('wake tools')).code, 0);
  });

  await t.test(verifies('verbs.errors'), async () => {
    assert.match((await run('status tool')).text, /no McpCluster tool in .*: it has tools$/);
    const elsewhere = await runVerb(kubeconfig, 'wake tools -n default');
    assert.equal(elsewhere.code, 2);
    assert.match(elsewhere.text, new RegExp(`there are .*${namespace}/tools.*with -n$`));
    assert.match(
      (await run('promote tools')).text,
      /^kubectl mcp: missing required argument 'member'\s+\(kubectl mcp promote --help shows what is allowed\)\s*$/,
    );
    assert.match((await run('stats tools')).text, /Did you mean status\?/);
    const unknown = await runVerb(kubeconfig, 'status --context nowhere');
    assert.match(unknown.text, /has no context nowhere: it has \S+/);
  });

  await t.test('status --watch shows it again when it has changed', async () => {
    const shown: string[] = [];
    const said = await runVerb(kubeconfig, `status tools -w -n ${namespace}`, (text) => {
      shown.push(text);
      if (shown.length === 1) void run('fence tools tools-2');
      if (shown.length === 3) throw new UsageError('enough');
    });
    assert.equal(said.text, 'enough');
    assert.equal(shown[1], '---');
    assert.ok(!shown[0]?.includes('Fenced') && /^Fenced +tools-2$/m.test(shown[2] ?? ''));
    await run('unfence tools');
  });

  await t.test('what can stand next on the command line', async () => {
    const candidates = async (...words: string[]): Promise<string[]> => {
      const flags = ['--kubeconfig', kubeconfig, '-n', namespace];
      const program = createProgram(() => undefined);
      return (await complete(program, [...flags, ...words])).split('\n');
    };
    assert.deepEqual(await candidates('un'), ['unfence', ':4']);
    assert.deepEqual(await candidates('fence', 't'), ['tools', ':4']);
    assert.deepEqual(await candidates('fence', 'tools', ''), [
      'tools-0',
      'tools-1',
      'tools-2',
      ':4',
    ]);
    assert.deepEqual(await candidates('wake', 'tools', ''), [':4']);
    assert.deepEqual(await candidates('hibernate', '--y'), ['--yes', ':4']);
  });
}

const PLANTED = [
  'hunter2-data',
  'hunter2-env',
  'hunter2-arg',
  'hunter2-note',
  'hunter2-annotation',
];

/** Everything that may hold a secret holds one. */
export async function checkReport({ client, kubeconfig, namespace }: Place): Promise<void> {
  const labels = { 'mcpcluster.io/cluster': NAME };
  const annotations = { 'example.com/owner': 'hunter2-annotation' };
  const container = {
    name: 'server',
    image: 'docker.io/mcp/everything',
    args: ['--token', 'hunter2-arg'],
    env: [{ name: 'TOKEN', value: 'hunter2-env' }],
  };
  await client.create(RESOURCES.secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name: `${NAME}-key`, labels },
    data: { key: Buffer.from('hunter2-data').toString('base64') },
  });
  await client.create(RESOURCES.statefulSets, {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { namespace, name: `${NAME}-planted`, labels, annotations },
    spec: {
      replicas: 0,
      serviceName: 'none',
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations }, spec: { containers: [container] } },
    },
  });
  await client.create(RESOURCES.events, {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace, name: 'planted' },
    eventTime: '2026-03-01T12:00:00.000000Z',
    reportingController: 'example.com/test',
    reportingInstance: 'test',
    action: 'Observe',
    reason: 'ServerCrashing',
    type: 'Warning',
    regarding: { apiVersion: 'v1', kind: 'Pod', namespace, name: `${NAME}-0` },
    note: 'server exited with 1; last log line: hunter2-note',
  });
  await client.patch(
    MCP_CLUSTERS,
    { namespace, name: NAME },
    {
      type: 'merge',
      body: {
        metadata: { annotations },
        spec: { server: { args: container.args, env: container.env } },
      },
    },
  );
  const parent = await mkdtemp(join(tmpdir(), 'report-'));
  const folder = join(parent, 'report');
  try {
    const said = await runVerb(kubeconfig, `report ${NAME} -n ${namespace} --out ${folder}`);
    assert.equal(said.code, 0, said.text);
    assert.match(
      said.text,
      /not in it: operator: there is no pod .*: name that with --operator-name/,
    );
    assert.match(said.text, /not in it: logs and metrics: there is no pod/);
    const again = await runVerb(kubeconfig, `report ${NAME} -n ${namespace} --out ${folder}`);
    assert.match(again.text, /--out .* is there already: name another folder/);
    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((each) =>
      each.isFile(),
    );
    const texts = await Promise.all(
      files.map(async ({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')),
    );
    const all = texts.join('\n');
    for (const secret of [...PLANTED, Buffer.from('hunter2-data').toString('base64')]) {
      assert.ok(!all.includes(secret), `${secret} is in the report`);
    }
    // What helps is there all the same.
    for (const part of [
      /hunter2|12 bytes/,
      /name: TOKEN/,
      /server exited with 1/,
      /kind: McpCluster/,
    ]) {
      assert.match(all, part);
    }
    assert.deepEqual(
      files
        .map(({ name }) => name)
        .filter((name) => /^(mcpcluster|events|README|secrets)/.test(name))
        .sort(),
      ['README.txt', 'events.yaml', 'mcpcluster.yaml', 'secrets.yaml'],
    );
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}
