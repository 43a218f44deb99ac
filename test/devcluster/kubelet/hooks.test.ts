/** preStop hooks on a laptop cluster: when they run, what counts as an answer, and how long they are waited for. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isPodReady, type Container, type Handler } from '../../../src/devcluster/core/index.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
import {
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
  folder = await mkdtemp(join(tmpdir(), 'hooks-test-'));
  cluster = await startTestCluster();
});

after(async () => {
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
});

const said = async (pod: string): Promise<string[]> =>
  (await readFile(join(folder, pod), 'utf8')).trim().split('\n');
const preStop = (hook: Handler): Partial<Container> => ({ lifecycle: { preStop: hook } });
const command = (script: string): Handler => ({ exec: { command: ['sh', '-c', script] } });

/** A container named by its pod whose words are kept in a file of the pod's name. */
function speaking(pod: string, name: string, more: Partial<Container>): Container {
  const say = (word: string): string => `echo ${name} ${word} >> /out/${pod}`;
  return shell(name, looping(say('runs'), `${say('TERM')}; exit 0`), {
    volumeMounts: [{ name: 'out', mountPath: '/out' }],
    ...more,
  });
}

async function start(name: string, main: Container, side?: Container, grace = 10): Promise<void> {
  await cluster.client.create(
    RESOURCES.pods,
    podOf(name, {
      terminationGracePeriodSeconds: grace,
      volumes: [{ name: 'out', hostPath: { path: folder } }],
      initContainers: side === undefined ? [] : [{ ...side, restartPolicy: 'Always' }],
      containers: [main],
    }),
  );
  await cluster.podWhere(name, 'to be ready', isPodReady);
}

async function remove(name: string): Promise<number> {
  const startedAt = performance.now();
  await cluster.client.delete(RESOURCES.pods, { namespace: NAMESPACE, name });
  await cluster.gone(RESOURCES.pods, name);
  return performance.now() - startedAt;
}

const warnings = async (pod: string): Promise<string[]> => {
  const { items } = await cluster.client.list(RESOURCES.events, { namespace: NAMESPACE });
  return items
    .filter((event) => (event['regarding'] as { name?: string } | undefined)?.name === pod)
    .filter((event) => event['type'] === 'Warning')
    .map((event) => `${event['reason']} ${event['note']}`);
};

test(verifies('devcluster.pod-hooks'), async () => {
  // The container's hook is answered by the sidecar, once the sidecar's own hook has run: only hooks at the same time end.
  const answers = `
    require('http').createServer((q, r) => {
      const look = () => {
        if (!require('fs').existsSync('/out/asked')) return setTimeout(look, 20);
        r.statusCode = 503;
        r.end();
        require('fs').appendFileSync('/out/both', q.headers['user-agent'] + ' answered\\n');
      };
      look();
    }).listen(8080)`;
  const side = speaking('both', 'side', {
    args: [
      `node -e "${answers}" & ${looping('echo side runs >> /out/both', 'echo side TERM >> /out/both; exit 0')}`,
    ],
    startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 60 },
    ...preStop(command('sleep 0.3; echo side hook >> /out/both; touch /out/asked')),
  });
  const hook = { httpGet: { path: '/', port: 8080 } };
  await start('both', speaking('both', 'main', preStop(hook)), side);
  await remove('both');
  assert.deepEqual(await said('both'), [
    ...['side runs', 'main runs', 'side hook', 'kube-lifecycle/1.35 answered'],
    ...['main TERM', 'side TERM'],
  ]);
  assert.deepEqual(
    (await warnings('both')).filter((text) => text.includes('PreStop')),
    [],
    'any answer is good',
  );
});

test('a hook that fails is told, and the signal follows at once', async () => {
  await start('failing', speaking('failing', 'main', preStop(command('exit 3'))));
  const nobody = { httpGet: { path: '/', port: 9 } };
  await start('refused', speaking('refused', 'main', preStop(nobody)));
  assert.ok((await remove('failing')) < 5_000);
  assert.ok((await remove('refused')) < 5_000);
  for (const pod of ['failing', 'refused']) {
    assert.deepEqual(await said(pod), ['main runs', 'main TERM']);
    await eventually('the event', async () =>
      (await warnings(pod)).includes('FailedPreStopHook PreStopHook failed'),
    );
  }
});

test('a hook that outlasts the grace period leaves two seconds for the signal', async () => {
  const say = (word: string): string => `echo ${word} >> /out/late`;
  const main = speaking('late', 'main', {
    args: [looping(say('runs'), `${say('TERM')}; sleep 1; ${say('done')}; exit 0`)],
    ...preStop(command('sleep 60')),
  });
  await start('late', main, undefined, 1);
  const tookMs = await remove('late');
  assert.deepEqual(await said('late'), ['runs', 'TERM', 'done']);
  assert.ok(tookMs > 1_900 && tookMs < 8_000, `${tookMs} ms`);
  assert.deepEqual(await warnings('late'), []);
});

test('a failed liveness probe runs the hook, too', async () => {
  await writeFile(join(folder, 'well'), '');
  const livenessProbe = {
    ...command('test -e /out/well'),
    periodSeconds: 1,
    failureThreshold: 1,
    terminationGracePeriodSeconds: 2,
  };
  const hook = preStop(command('echo main hook >> /out/ill; touch /out/well'));
  await start('ill', speaking('ill', 'main', { livenessProbe, ...hook }));
  await rm(join(folder, 'well'));
  await cluster.podWhere(
    'ill',
    'to be restarted',
    ({ status }) => status?.containerStatuses?.[0]?.restartCount === 1,
  );
  await eventually('the second run', async () => (await said('ill')).length === 4);
  assert.deepEqual(await said('ill'), ['main runs', 'main hook', 'main TERM', 'main runs']);
  await remove('ill');
});
