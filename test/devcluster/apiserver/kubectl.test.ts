/** The real kubectl on our API. Needs kubectl in KUBEBUILDER_ASSETS or PATH. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { findProgram } from '../../../src/host/index.ts';
import { assets } from '../../control-plane.ts';
import { verifies } from '../../requirements.ts';
import { startServer, statefulSet, widget, widgetDefinition, type Server } from './fixture.ts';

const program = findProgram('kubectl', [assets]);
const skip = program === undefined && 'there is no kubectl';

interface Run {
  readonly code: number;
  readonly out: string;
}

type Kubectl = (args: string, input?: unknown) => Promise<Run>;

async function withKubectl(context: TestContext): Promise<{ server: Server; kubectl: Kubectl }> {
  const server = await startServer(context, {
    async *logs(_pod, container) {
      yield `hello from ${container}\n`;
    },
  });
  const kubectl: Kubectl = (args, input) =>
    new Promise((resolve) => {
      const env = { ...process.env, KUBECONFIG: server.kubeconfig, HOME: server.directory };
      const child = execFile(
        program ?? '',
        args.split(' '),
        { env, timeout: 20_000 },
        (error, stdout, stderr) => resolve({ code: error === null ? 0 : 1, out: stdout + stderr }),
      );
      child.stdin?.end(input === undefined ? '' : JSON.stringify(input));
    });
  return { server, kubectl };
}

test(verifies('devcluster.api-kubectl'), { skip }, async (context) => {
  const { kubectl } = await withKubectl(context);
  const steps: readonly [string, unknown, RegExp][] = [
    ['create namespace team', undefined, /namespace\/team created/],
    [
      'create configmap settings -n team --from-literal=a=b',
      undefined,
      /configmap\/settings created/,
    ],
    ['create secret generic keys -n team --from-literal=a=b', undefined, /secret\/keys created/],
    ['get configmap settings -n team -o jsonpath={.data.a}', undefined, /^b$/],
    ['get secret keys -n team -o jsonpath={.data.a}', undefined, /^Yg==$/],
    ['apply -f -', statefulSet('db'), /statefulset.apps\/db created/],
    ['apply -f -', statefulSet('db'), /statefulset.apps\/db unchanged/],
    ['apply --server-side --force-conflicts -f -', statefulSet('db'), /db serverside-applied/],
    ['scale statefulset db --replicas=4', undefined, /scaled/],
    ['get statefulsets', undefined, /^NAME +READY +AGE\s+db +0\/4/],
    ['label statefulset db tier=data', undefined, /labeled/],
    ['annotate statefulset db note=x', undefined, /annotated/],
    ['get all -l tier=data', undefined, /statefulset.apps\/db/],
    ['set image statefulset/db main=example.com/app:2', undefined, /image updated/],
    ['patch statefulset db -p {"spec":{"replicas":1}}', undefined, /patched/],
    ['describe statefulset db', undefined, /example.com\/app:2/],
    ['explain statefulset.spec.replicas', undefined, /desired number of replicas/],
    ['run one --image=example.com/app:1', undefined, /pod\/one created/],
    ['get pods -o wide', undefined, /one +0\/1 +Pending/],
    ['describe pod one', undefined, /Status: +Pending/],
    ['delete pod one', undefined, /pod "one" deleted/],
    ['delete statefulset db', undefined, /deleted/],
    ['get statefulsets', undefined, /No resources found/],
    [
      'create deployment web --image=example.com/app:1 --replicas=2',
      undefined,
      /deployment.apps\/web created/,
    ],
    ['auth can-i create pods', undefined, /^yes/],
    ['api-resources', undefined, /statefulsets +sts +apps\/v1/],
  ];
  for (const [args, input, expected] of steps) {
    const { out } = await kubectl(args, input);
    assert.match(out, expected, `kubectl ${args}`);
  }
});

test(
  'kubectl knows custom resources: columns, explain, scale, wait, refusals',
  { skip },
  async (context) => {
    const { kubectl } = await withKubectl(context);
    await kubectl('apply -f -', widgetDefinition);
    const ready = await kubectl(
      'wait --for=condition=Established crd/widgets.example.com --timeout=10s',
    );
    assert.match(ready.out, /condition met/);
    assert.match((await kubectl('apply -f -', widget('a'))).out, /widget.example.com\/a created/);
    assert.match((await kubectl('get wd')).out, /^NAME +REPLICAS\s+a +3/);
    assert.match((await kubectl('explain widget.spec.size')).out, /FIELD: size <string>/);
    assert.match((await kubectl('scale widget a --replicas=5')).out, /scaled/);
    const refused = await kubectl('scale widget a --replicas=4');
    assert.match(refused.out, /replicas must be odd/);
    const unknown = await kubectl('apply -f -', widget('b', { colour: 'blue' }));
    assert.match(unknown.out, /unknown field "spec.colour"/);
    const applied = await kubectl('apply -f -', widget('a', { replicas: 2 }));
    assert.equal(applied.code, 1);
    assert.match((await kubectl('delete crd widgets.example.com')).out, /deleted/);
  },
);

test('kubectl get -w prints what happens', { skip }, async (context) => {
  const { server, kubectl } = await withKubectl(context);
  await kubectl('run one --image=example.com/app:1');
  const env = { ...process.env, KUBECONFIG: server.kubeconfig, HOME: server.directory };
  const watch = spawn(program ?? '', ['get', 'pods', '-w'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  context.after(() => watch.kill());
  const lines = createInterface({ input: watch.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  assert.match(await next(), /^NAME/);
  assert.match(await next(), /^one +0\/1 +Pending/);
  const path = '/api/v1/namespaces/default/pods/one/status';
  await server.call(
    'PATCH',
    path,
    { status: { phase: 'Running' } },
    {
      contentType: 'application/merge-patch+json',
    },
  );
  assert.match(await next(), /^one +0\/1 +Running/);
  await kubectl('delete pod one --wait=false');
  assert.match(await next(), /^one /);
  watch.kill();
  await once(watch, 'exit');
});
