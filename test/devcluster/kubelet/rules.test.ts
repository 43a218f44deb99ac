/** The kubelet's rules as tables. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  afterProbe,
  commandLine,
  containerEnvironment,
  findLocalImage,
  initialProbeState,
  nextRestart,
  parseImageName,
  pathRewriter,
  podPhase,
  terminationOrder,
  type Container,
  type ContainerStatus,
  type Pod,
} from '../../../src/devcluster/core/index.ts';
import { parseLogQuery } from '../../../src/devcluster/kubelet/index.ts';

test('image names get registry, library and tag', () => {
  const table: [string, string, string][] = [
    ['nginx', 'docker.io/library/nginx', 'latest'],
    ['mcp/everything:1.2', 'docker.io/mcp/everything', '1.2'],
    ['ghcr.io/a/b/c', 'ghcr.io/a/b/c', 'latest'],
    ['localhost:5000/x:y', 'localhost:5000/x', 'y'],
    ['localhost/x', 'localhost/x', 'latest'],
    ['ghcr.io/a/b:1@sha256:00', 'ghcr.io/a/b', '1'],
  ];
  for (const [image, repository, tag] of table)
    assert.deepEqual(parseImageName(image), { repository, tag }, image);
});

test('a row with the same tag wins over one without a tag', () => {
  const rows = [{ image: 'a/b' }, { image: 'a/b:2', cmd: ['two'] }];
  assert.deepEqual(findLocalImage(rows, 'docker.io/a/b:2'), rows[1]);
  assert.deepEqual(findLocalImage(rows, 'a/b:3'), rows[0]);
  assert.equal(findLocalImage([rows[1] as { image: string }], 'a/b:3'), undefined);
});

test('command and args replace entrypoint and cmd as Kubernetes says', () => {
  const image = { entrypoint: ['e'], cmd: ['c'] };
  assert.deepEqual(commandLine(image, {}), ['e', 'c']);
  assert.deepEqual(commandLine(image, { args: ['a'] }), ['e', 'a']);
  assert.deepEqual(commandLine(image, { command: ['x'] }), ['x']);
  assert.deepEqual(commandLine(image, { command: ['x'], args: ['a'] }), ['x', 'a']);
});

test('mount paths are replaced at path boundaries, the longest first', () => {
  const rewrite = pathRewriter([
    { mountPath: '/etc/app', folder: '/f/app' },
    { mountPath: '/etc/app/tls/', folder: '/f/tls' },
    { mountPath: '/data', folder: '/f/data' },
    { mountPath: '/', folder: '/f/root' },
  ]);
  const table: [string, string][] = [
    ['/etc/app/config.json', '/f/app/config.json'],
    ['--tls-dir=/etc/app/tls', '--tls-dir=/f/tls'],
    ['/etc/application', '/etc/application'],
    ['/data:/etc/app', '/f/data:/f/app'],
    ['/database', '/database'],
    ['/srv/data', '/srv/data'],
    ['http://host/data', 'http://host/data'],
    ['file:///data/x', 'file:///f/data/x'],
    ['cat /data/a "/data/b"', 'cat /f/data/a "/f/data/b"'],
    ['{"dir":"/data"}', '{"dir":"/f/data"}'],
  ];
  for (const [text, expected] of table) assert.equal(rewrite(text), expected, text);
});

test('a variable that refers to something missing is told by name, unless it is optional', () => {
  const pod = {
    metadata: { name: 'p', namespace: 'n' },
    spec: { containers: [] },
  } as unknown as Pod;
  const resolve = (env: Container['env'], envFrom: Container['envFrom'] = []) =>
    containerEnvironment({
      pod,
      container: { name: 'c', env: env ?? [], envFrom },
      facts: { podIP: '10.244.1.2', hostIP: '127.0.0.1' },
      sources: {
        configMap: () => undefined,
        secret: () => undefined,
      },
    });
  const ref = { name: 's', key: 'k' };
  assert.deepEqual(resolve([{ name: 'A', valueFrom: { secretKeyRef: ref } }]), {
    ok: false,
    error: 'key k of secret "s" not found',
  });
  assert.equal(
    resolve([{ name: 'A', valueFrom: { secretKeyRef: { ...ref, optional: true } } }]).ok,
    true,
  );
  assert.equal(resolve([], [{ configMapRef: { name: 'c' } }]).ok, false);
  assert.equal(
    resolve([{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.bogus' } } }]).ok,
    false,
  );
  const limits = resolve([{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }]);
  assert.equal(limits.ok && limits.value.get('A'), '10.244.1.2');
});

test('restarts wait 0, 10, 20, 40 … 300 s, and a long run is forgiven', () => {
  let history = { failures: 0 };
  const delays: number[] = [];
  for (let i = 0; i < 8; i++) {
    const next = nextRestart(history, 1000);
    delays.push(next.delayMs / 1000);
    history = { failures: next.history.failures };
  }
  assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
  assert.equal(nextRestart(history, 600_000).delayMs, 0);
});

test('a probe turns after as many equal results in a row as its threshold says', () => {
  let state = initialProbeState('unknown');
  const verdicts = [false, true, false, false, true, true, false, false].map((result) => {
    state = afterProbe(state, result, { success: 2, failure: 2 });
    return state.verdict;
  });
  assert.deepEqual(verdicts, [
    'unknown',
    'unknown',
    'unknown',
    'failure',
    'failure',
    'success',
    'success',
    'failure',
  ]);
});

test('phases follow from the containers and the restart policy', () => {
  const status = (state: ContainerStatus['state'], ran = false): ContainerStatus => ({
    name: 'c',
    image: '',
    imageID: '',
    ready: false,
    started: false,
    restartCount: 0,
    state,
    lastState: ran ? { terminated: { exitCode: 1, reason: 'Error' } } : {},
  });
  const ended = (exitCode: number) => status({ terminated: { exitCode, reason: 'x' } });
  const waiting = status({ waiting: { reason: 'ContainerCreating' } });
  const crashing = status({ waiting: { reason: 'CrashLoopBackOff' } }, true);
  const running = status({ running: { startedAt: '' } });
  const pod = (restartPolicy: Pod['spec']['restartPolicy']): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {},
    spec: {
      containers: [{ name: 'c' }],
      ...(restartPolicy === undefined ? {} : { restartPolicy }),
    },
  });
  const table: [Pod['spec']['restartPolicy'], ContainerStatus[], string][] = [
    ['Always', [waiting], 'Pending'],
    ['Always', [running], 'Running'],
    ['Always', [running, waiting], 'Pending'],
    ['Always', [crashing], 'Running'],
    ['Always', [ended(0)], 'Running'],
    ['OnFailure', [ended(1)], 'Running'],
    ['OnFailure', [ended(0)], 'Succeeded'],
    ['Never', [ended(0), ended(0)], 'Succeeded'],
    ['Never', [ended(0), ended(1)], 'Failed'],
    ['Never', [ended(1), running], 'Running'],
  ];
  for (const [policy, main, phase] of table) assert.equal(podPhase(pod(policy), [], main), phase);
});

test('what kubectl logs asks for', () => {
  assert.deepEqual(parseLogQuery(new URLSearchParams('follow=true&tailLines=0&limitBytes=x')), {
    follow: true,
    previous: false,
    timestamps: false,
    tailLines: 0,
  });
});

test('containers end at once, sidecars after them and after the sidecar that began later', () => {
  const sidecar = (name: string): Container => ({ name, restartPolicy: 'Always' });
  const order = (init: readonly Container[], main: readonly string[]) =>
    Object.fromEntries(
      terminationOrder({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'p' },
        spec: { initContainers: [...init], containers: main.map((name) => ({ name })) },
      }),
    );
  assert.deepEqual(order([], ['a', 'b']), { a: [], b: [] });
  assert.deepEqual(order([{ name: 'init' }, sidecar('s')], ['a', 'b']), {
    ...{ a: [], b: [], init: [] },
    s: ['a', 'b'],
  });
  assert.deepEqual(order([sidecar('first'), { name: 'init' }, sidecar('last')], ['a']), {
    ...{ a: [], init: [] },
    first: ['a', 'last'],
    last: ['a'],
  });
});
