/** The life of pods on a laptop cluster, seen from the API and from the processes. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isPodReady, type Pod } from '../../../src/devcluster/core/index.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
import {
  isRunning,
  looping,
  NAMESPACE,
  podOf,
  shell,
  startTestCluster,
  type TestCluster,
} from '../cluster.ts';

let cluster: TestCluster;
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubelet-test-'));
  cluster = await startTestCluster();
});

after(async () => {
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
});

const mount = { volumeMounts: [{ name: 'out', mountPath: '/out' }] };
const outVolume = () => [{ name: 'out', hostPath: { path: folder } }];
const lines = async (file: string): Promise<string[]> =>
  (await readFile(join(folder, file), 'utf8').catch(() => '')).trim().split('\n');
const main = (pod: Pod) => pod.status?.containerStatuses?.[0];

async function remove(name: string): Promise<void> {
  await cluster.client.delete(RESOURCES.pods, { namespace: NAMESPACE, name });
  await cluster.gone(RESOURCES.pods, name);
}

test(verifies('devcluster.pod-order'), async () => {
  const say = (word: string): string => `echo ${word} >> /out/order`;
  const sidecar = (name: string) =>
    shell(
      name,
      looping(`sleep 0.2; ${say(`+${name}`)}; touch /out/${name}`, `${say(`-${name}`)}; exit 0`),
      {
        restartPolicy: 'Always',
        startupProbe: { exec: { command: ['test', '-e', `/out/${name}`] }, periodSeconds: 1 },
        ...mount,
      },
    );
  await cluster.client.create(
    RESOURCES.pods,
    podOf('order', {
      volumes: outVolume(),
      initContainers: [
        shell('one', say('one'), mount),
        sidecar('first'),
        shell('two', say('two'), mount),
        sidecar('second'),
      ],
      containers: [
        shell('main', looping(say('+main'), `sleep 0.3; ${say('-main')}; exit 0`), mount),
      ],
    }),
  );
  const pod = await cluster.podWhere('order', 'to be ready', isPodReady);
  assert.equal(pod.status?.phase, 'Running');
  assert.match(pod.status?.podIP ?? '', /^10\.244\./);
  assert.deepEqual(
    pod.status?.initContainerStatuses?.map(({ name, ready, started, state }) => [
      name,
      ready,
      started,
      Object.keys(state)[0],
    ]),
    [
      ['one', true, false, 'terminated'],
      ['first', true, true, 'running'],
      ['two', true, false, 'terminated'],
      ['second', true, true, 'running'],
    ],
  );
  await remove('order');
  assert.deepEqual(await lines('order'), [
    'one',
    '+first',
    'two',
    '+second',
    '+main',
    '-main',
    '-second',
    '-first',
  ]);
});

test(verifies('devcluster.pod-probes'), async () => {
  const check = (file: string, isThere: boolean) => ({
    exec: { command: ['test', ...(isThere ? [] : ['!']), '-e', `/out/${file}`] },
    periodSeconds: 1,
    failureThreshold: 1,
  });
  await cluster.client.create(
    RESOURCES.pods,
    podOf('probes', {
      volumes: outVolume(),
      containers: [
        shell('main', looping('rm -f /out/dead'), {
          readinessProbe: check('ready', true),
          livenessProbe: check('dead', false),
          ...mount,
        }),
      ],
    }),
  );
  const before = await cluster.podWhere('probes', 'to run', (pod) => main(pod)?.started);
  assert.equal(isPodReady(before), false);
  await writeFile(join(folder, 'ready'), '');
  await cluster.podWhere('probes', 'to be ready', isPodReady);
  await rm(join(folder, 'ready'));
  const unready = await cluster.podWhere('probes', 'not to be ready', (pod) => !isPodReady(pod));
  assert.equal(main(unready)?.restartCount, 0);
  assert.match(
    unready.status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? '',
    /unready status: \[main\]/,
  );
  await writeFile(join(folder, 'dead'), '');
  const restarted = await cluster.podWhere(
    'probes',
    'to be restarted',
    (pod) => main(pod)?.restartCount === 1 && main(pod)?.started,
  );
  assert.ok(main(restarted)?.lastState.terminated !== undefined);
  await remove('probes');
});

test('HTTP and TCP probes go to the pod, by number and by name of the port', async () => {
  const server = `require('http').createServer((q, r) => { r.statusCode = q.url === '/ok' ? 204 : 500; r.end(); }).listen(8080)`;
  const probe = (path: string) => ({ httpGet: { path, port: 'web' }, periodSeconds: 1 });
  const container = (name: string, path: string) =>
    podOf(name, {
      containers: [
        shell('main', `exec node -e "${server}"`, {
          ports: [{ name: 'web', containerPort: 8080 }],
          readinessProbe: probe(path),
          livenessProbe: { tcpSocket: { port: 8080 }, initialDelaySeconds: 1, periodSeconds: 1 },
        }),
      ],
    });
  await cluster.client.create(RESOURCES.pods, container('http-good', '/ok'));
  await cluster.client.create(RESOURCES.pods, container('http-bad', '/no'));
  await cluster.podWhere('http-good', 'to be ready', isPodReady);
  const bad = await cluster.podWhere('http-bad', 'to run', (pod) => main(pod)?.started);
  assert.equal(isPodReady(bad), false);
  await Promise.all([remove('http-good'), remove('http-bad')]);
});

test(verifies('devcluster.pod-restart'), async () => {
  await cluster.client.create(
    RESOURCES.pods,
    podOf('crash', {
      containers: [
        shell('main', 'echo run; echo last words >&2; exit 7', {
          terminationMessagePolicy: 'FallbackToLogsOnError',
        }),
      ],
    }),
  );
  const waiting = await cluster.podWhere(
    'crash',
    'to back off',
    (pod) => main(pod)?.state.waiting?.reason === 'CrashLoopBackOff',
  );
  const status = main(waiting);
  assert.equal(status?.restartCount, 1, 'the first restart came at once');
  assert.match(status?.state.waiting?.message ?? '', /back-off 10s/);
  assert.equal(status?.lastState.terminated?.exitCode, 7);
  assert.equal(status?.lastState.terminated?.reason, 'Error');
  assert.equal(status?.lastState.terminated?.message, 'run\nlast words\n');
  assert.equal(await cluster.log('crash', '?previous=true'), 'run\nlast words\n');
  await remove('crash');
});

test('a pod that need not restart ends as Succeeded or Failed', async () => {
  const once = (name: string, code: number) =>
    podOf(name, { restartPolicy: 'Never', containers: [shell('main', `exit ${code}`)] });
  await cluster.client.create(RESOURCES.pods, once('good', 0));
  await cluster.client.create(RESOURCES.pods, once('bad', 3));
  await cluster.podWhere('good', 'to succeed', (pod) => pod.status?.phase === 'Succeeded');
  await cluster.podWhere('bad', 'to fail', (pod) => pod.status?.phase === 'Failed');
  await Promise.all([remove('good'), remove('bad')]);
});

test(verifies('devcluster.pod-grace'), async () => {
  await cluster.client.create(
    RESOURCES.pods,
    podOf('stubborn', {
      terminationGracePeriodSeconds: 1,
      volumes: outVolume(),
      containers: [
        shell('main', looping('echo up >> /out/grace', 'echo term >> /out/grace'), {
          lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo pre >> /out/grace'] } } },
          ...mount,
        }),
      ],
    }),
  );
  await cluster.podWhere('stubborn', 'to be ready', isPodReady);
  const [running] = cluster.cluster.podProcesses(NAMESPACE, 'stubborn');
  assert.ok((running?.pids.length ?? 0) > 0);
  const startedAt = performance.now();
  await cluster.client.delete(RESOURCES.pods, { namespace: NAMESPACE, name: 'stubborn' });
  const leaving = await cluster.pod('stubborn');
  assert.ok(leaving?.metadata.deletionTimestamp !== undefined, 'it stays while it ends');
  await cluster.gone(RESOURCES.pods, 'stubborn');
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs > 900 && tookMs < 6000, `took ${tookMs} ms`);
  assert.deepEqual(await lines('grace'), ['up', 'pre', 'term']);
  for (const pid of running?.pids ?? [])
    await eventually(`process ${pid} to be gone`, () => !isRunning(pid));
});

test('a pod that fits nowhere says since when', async () => {
  const before = Math.floor(Date.now() / 1000) * 1000;
  const nodeSelector = { 'topology.kubernetes.io/zone': 'nowhere' };
  await cluster.client.create(
    RESOURCES.pods,
    podOf('homeless', { nodeSelector, containers: [shell('main', 'sleep 60')] }),
  );
  const scheduled = (one: Pod) =>
    one.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  const pod = await cluster.podWhere(
    'homeless',
    'to be told',
    (one) => scheduled(one) !== undefined,
  );
  const { status, reason, lastTransitionTime } = scheduled(pod) ?? {};
  assert.deepEqual({ status, reason }, { status: 'False', reason: 'Unschedulable' });
  assert.ok(Date.parse(lastTransitionTime ?? '') >= before, `since ${lastTransitionTime}`);
  await remove('homeless');
});

test(verifies('devcluster.pod-image'), async () => {
  await cluster.client.create(
    RESOURCES.pods,
    podOf('unknown', { containers: [{ name: 'main', image: 'nowhere/nothing:9' }] }),
  );
  const pod = await cluster.podWhere('unknown', 'to wait for its image', (one) =>
    /^(ErrImagePull|ImagePullBackOff)$/.test(main(one)?.state.waiting?.reason ?? ''),
  );
  assert.match(main(pod)?.state.waiting?.message ?? '', /nowhere\/nothing:9.*local-images\.yaml/);
  await assert.rejects(cluster.log('unknown'), {
    status: 400,
    message:
      /^container "main" in pod "unknown" is waiting to start: (image can't be pulled|trying and failing to pull image)$/,
  });
  await assert.rejects(cluster.log('unknown', '?previous=true'), {
    status: 400,
    message: 'previous terminated container "main" in pod "unknown" not found',
  });
  await remove('unknown');
});

test('killPod ends every process at once, and the pod comes back by its policy', async () => {
  const child = 'sleep 1000 & ';
  await cluster.client.create(
    RESOURCES.pods,
    podOf('victim', {
      initContainers: [shell('side', `${child}${looping()}`, { restartPolicy: 'Always' })],
      containers: [shell('main', `${child}${looping()}`)],
    }),
  );
  await cluster.podWhere('victim', 'to be ready', isPodReady);
  await eventually('the children', () =>
    cluster.cluster.podProcesses(NAMESPACE, 'victim').every(({ pids }) => pids.length >= 2),
  );
  const killed = cluster.cluster.killPod(NAMESPACE, 'victim');
  assert.ok(killed.length >= 4, `killed ${killed.length}`);
  const back = await cluster.podWhere('victim', 'to come back', (pod) =>
    [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].every(
      ({ restartCount, started }) => restartCount === 1 && started,
    ),
  );
  assert.equal(main(back)?.lastState.terminated?.exitCode, 137);
  for (const pid of killed) await eventually(`process ${pid} to be gone`, () => !isRunning(pid));
  await remove('victim');
});
