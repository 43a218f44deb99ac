/** Backups by the spec: a first one at once, one by hand, as many as asked for; and a new cluster that begins with the last. */
import assert from 'node:assert/strict';
import type { McpCluster } from '../../../src/api/index.ts';
import { RESOURCES, type KubeObject } from '../../../src/kube/index.ts';
import { required } from '../../../src/std/index.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
import type { Arena } from '../arena.ts';
import { EVERYTHING, mcpCluster, NAMESPACE } from '../manifests.ts';
import { scenario } from '../scenario.ts';
import { withMembers } from '../sessions.ts';

const BEFORE = 'vault';
const AFTER = 'vault-anew';

const restored = scenario(verifies('operator.backup-restored'), async (arena) => {
  const backup = {
    schedule: '0 0 1 1 *',
    immediate: true,
    retention: { count: 1 },
    volume: { size: '64Mi' },
  };
  await arena.apply(mcpCluster(BEFORE, { replicas: 1, server: EVERYTHING, backup }));
  await arena.condition(BEFORE, 'Available');
  const first = await healthy(arena, undefined);
  const session = await openSession(await arena.url(BEFORE));
  const kept = await stateOf(arena, BEFORE);
  assert.ok(kept.some((line) => line.includes(session)));

  // Jobs end at whole seconds: of one that failed in the second of a success nobody can say that it was later.
  await eventually('a later second', () => Date.now() >= Date.parse(first) + 1_000);
  await failOnce(arena);
  await backUpNow(arena, 'by-hand');
  await healthy(arena, first);
  await eventually('the first one to go', async () =>
    (await logOf(arena, 'by-hand')).includes('is removed: 1 are kept'),
  );
  await arena.remove(BEFORE);
  await goneWithTheCluster(arena);

  const bootstrap = { restore: { claimName: `${BEFORE}-backup` } };
  await arena.apply(mcpCluster(AFTER, { replicas: 1, server: EVERYTHING, bootstrap }));
  const waiting = await arena.condition(AFTER, 'Restored', 'False');
  assert.equal(reasonOf(waiting, 'Available'), 'Restoring');
  await arena.condition(AFTER, 'Restored');
  // No client has come yet: what was agreed on is what it was.
  assert.deepEqual(await stateOf(arena, AFTER), kept);
  await arena.condition(AFTER, 'Available');
  assert.equal(await echo(await arena.url(AFTER), session, 'after'), 'Echo: after');
  await arena.remove(AFTER);
  const ref = { namespace: NAMESPACE, name: `${BEFORE}-backup` };
  await arena.client.delete(RESOURCES.persistentVolumeClaims, ref);
});

/** When the last backup was complete, which is not `before`. */
function healthy(arena: Arena, before: string | undefined): Promise<string> {
  return eventually(
    'a backup to be complete',
    async () => {
      const { status } = await arena.condition(BEFORE, 'BackupHealthy');
      const at = status?.backup?.lastSuccessTime;
      return at === before ? undefined : at;
    },
    60_000,
  );
}

/** As a person does it, by kubectl where there is one. */
async function backUpNow(arena: Arena, name: string): Promise<void> {
  if (arena.kubectl === undefined) await createJob(arena, name, (spec) => spec);
  else await arena.kubectl(`-n ${NAMESPACE} create job --from=cronjob/${BEFORE}-backup ${name}`);
}

/** A Job of the CronJob, with its spec as `change` makes it. */
async function createJob(
  { client }: Arena,
  name: string,
  change: (spec: JobSpec) => JobSpec,
): Promise<void> {
  const ref = { namespace: NAMESPACE, name: `${BEFORE}-backup` };
  const cronJob = required(
    await client.get<KubeObject>(RESOURCES.cronJobs, ref),
    'there is a CronJob',
  );
  const { jobTemplate } = cronJob['spec'] as { jobTemplate: { spec: JobSpec } };
  const { uid = '' } = cronJob.metadata;
  const owner = { apiVersion: 'batch/v1', kind: 'CronJob', name: ref.name, uid, controller: true };
  await client.create(RESOURCES.jobs, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      namespace: NAMESPACE,
      name,
      labels: {
        'mcpcluster.io/cluster': BEFORE,
        'app.kubernetes.io/managed-by': 'mcp-cluster-operator',
      },
      ownerReferences: [owner],
    },
    spec: change(jobTemplate.spec),
  });
}

interface JobSpec {
  readonly backoffLimit?: number;
  readonly template: {
    readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] };
  };
}

/** Its last words are in the condition, and an event says that it failed. */
async function failOnce(arena: Arena): Promise<void> {
  await createJob(arena, 'fails', ({ template, ...spec }) => {
    const [container] = template.spec.containers;
    const args = [...(container?.args ?? []), '--at=nobody.invalid:7000'];
    const containers = [{ ...container, args }];
    return {
      ...spec,
      backoffLimit: 0,
      template: { ...template, spec: { ...template.spec, containers } },
    };
  });
  const { status } = await arena.condition(BEFORE, 'BackupHealthy', 'False');
  const found = status?.conditions?.find(({ type }) => type === 'BackupHealthy');
  assert.equal(found?.reason, 'BackupFailed');
  assert.match(found?.message ?? '', /nobody.invalid/);
  await eventually('an event', async () => {
    const { items } = await arena.client.list(RESOURCES.events, { namespace: NAMESPACE });
    return items.some((event) => event['reason'] === 'BackupFailed');
  });
}

async function logOf({ client }: Arena, job: string): Promise<string> {
  const labelSelector = `batch.kubernetes.io/job-name=${job}`;
  const { items } = await client.list(RESOURCES.pods, { namespace: NAMESPACE, labelSelector });
  const logs = items.map(({ metadata }) =>
    client.raw('GET', `/api/v1/namespaces/${NAMESPACE}/pods/${metadata.name}/log`),
  );
  return (await Promise.all(logs)).join('');
}

/** CronJob and Jobs go; the volume stays. */
async function goneWithTheCluster({ client }: Arena): Promise<void> {
  for (const type of [RESOURCES.cronJobs, RESOURCES.jobs]) {
    await eventually(`no ${type.kind} of it`, async () => {
      const { items } = await client.list(type, { namespace: NAMESPACE });
      return items.every(({ metadata }) => metadata.name?.startsWith(BEFORE) !== true);
    });
  }
  const ref = { namespace: NAMESPACE, name: `${BEFORE}-backup` };
  assert.ok(await client.get(RESOURCES.persistentVolumeClaims, ref), 'the volume stays');
}

/** What a backup of the cluster would hold, a line for each key. */
function stateOf(arena: Arena, name: string): Promise<readonly string[]> {
  return withMembers(arena, name, async ({ members: [member] }) => {
    const lines: string[] = [];
    const { admin } = required(member, 'a member');
    await new Promise<void>((resolve, reject) => {
      const onEnd = (error: Error | undefined): void =>
        error === undefined ? resolve() : reject(error);
      const onMessage = ({ entries }: { entries: readonly { key: string; value: string }[] }) =>
        void lines.push(...entries.map(({ key, value }) => `${key} ${value}`));
      admin.exportState({}, { onMessage, onEnd }, { timeoutMs: 10_000 }).catch(reject);
    });
    return lines.sort();
  });
}

const reasonOf = ({ status }: McpCluster, type: string): string | undefined =>
  status?.conditions?.find((condition) => condition.type === type)?.reason;

/** A session whose client has nothing open: no pod has to wait for it when it goes. */
async function openSession(url: string): Promise<string> {
  const clientInfo = { name: 'e2e', version: '1' };
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo };
  const { session } = await post(url, undefined, { id: 1, method: 'initialize', params });
  await post(url, session ?? '', { method: 'notifications/initialized' });
  return required(session ?? undefined, 'a session');
}

/** A call in a session that began elsewhere. */
async function echo(url: string, session: string, message: string): Promise<string> {
  const params = { name: 'echo', arguments: { message } };
  const { text } = await post(url, session, { id: 7, method: 'tools/call', params });
  return /Echo: \w+/.exec(text)?.[0] ?? text;
}

async function post(
  url: string,
  session: string | undefined,
  message: object,
): Promise<{ readonly session: string | null; readonly text: string }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(session === undefined ? {} : { 'mcp-session-id': session }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  });
  const text = await response.text();
  assert.ok(response.ok, `${response.status} ${text}`);
  return { session: response.headers.get('mcp-session-id'), text };
}

export const backupScenarios = [restored];
