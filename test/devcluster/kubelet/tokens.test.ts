/** A pod's token, from the API server through the kubelet's volume to a review of it, on both control planes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPodReady } from '../../../src/devcluster/core/index.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { skip as skipReal } from '../../control-plane.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
import { NAMESPACE, objectOf, podOf, shell, startTestCluster } from '../cluster.ts';

const AUDIENCE = 'example.com/audience';

interface ReviewStatus {
  readonly authenticated?: boolean;
  readonly user: {
    readonly username?: string;
    readonly groups?: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  readonly error?: string;
}

const POD = podOf('bearer', {
  automountServiceAccountToken: false,
  volumes: [
    {
      name: 'all',
      projected: {
        defaultMode: 0o440,
        sources: [
          { serviceAccountToken: { path: 'token', audience: AUDIENCE, expirationSeconds: 600 } },
          { serviceAccountToken: { path: 'unseen', audience: AUDIENCE, expirationSeconds: 700 } },
          { configMap: { name: 'trust', items: [{ key: 'ca', path: 'deep/ca.crt' }] } },
          { secret: { name: 'pass', items: [{ key: 'word', path: 'word', mode: 0o400 }] } },
          {
            downwardAPI: {
              items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }],
            },
          },
        ],
      },
    },
  ],
  containers: [
    shell(
      'main',
      [
        "trap 'exit 0' TERM; cd /all; while :; do",
        'echo "$(cat token) $(cat unseen) $(cat deep/ca.crt word namespace | tr "\\n" ,)',
        '$(stat -L -c %a token deep/ca.crt word namespace | tr "\\n" ,)";',
        'sleep 0.1; done',
      ].join(' '),
      { volumeMounts: [{ name: 'all', mountPath: '/all', readOnly: true }] },
    ),
  ],
});

for (const backend of ['embedded', 'kubebuilder'] as const) {
  const skip = backend === 'kubebuilder' && skipReal;
  test(`${verifies('devcluster.token-volume')} (${backend})`, { skip }, async (context) => {
    const cluster = await startTestCluster(backend);
    context.after(() => cluster.stop());
    const { client } = cluster;
    const review = async (token: string, audience: string): Promise<ReviewStatus> => {
      const body = { spec: { token, audiences: [audience] } };
      const path = '/apis/authentication.k8s.io/v1/tokenreviews';
      const reply = JSON.parse(await client.raw('POST', path, { body })) as unknown;
      return (reply as { status: ReviewStatus }).status;
    };
    const trust = (ca: string) => objectOf('v1', 'ConfigMap', 'trust', { data: { ca } });
    await client.create(RESOURCES.configMaps, trust('first\n'));
    const word = Buffer.from('secret\n').toString('base64');
    await client.create(RESOURCES.secrets, objectOf('v1', 'Secret', 'pass', { data: { word } }));
    await client.create(RESOURCES.pods, POD);
    const pod = await cluster.podWhere('bearer', 'to run', isPodReady);
    const line = async (): Promise<string[] | undefined> => {
      const text = (await cluster.log('bearer', '?tailLines=1')).trim();
      return text === '' ? undefined : text.split(' ');
    };
    const [token = '', unseen = '', contents, modes] = await eventually('the files', line);
    assert.equal(contents, `first,secret,${NAMESPACE}`);
    assert.equal(modes, '600,440,400,440,');

    const good = await review(token, AUDIENCE);
    assert.equal(good.authenticated, true, good.error ?? '');
    assert.equal(good.user.username, `system:serviceaccount:${NAMESPACE}:default`);
    const extra = good.user.extra ?? {};
    assert.deepEqual(extra['authentication.kubernetes.io/pod-name'], ['bearer']);
    assert.deepEqual(extra['authentication.kubernetes.io/pod-uid'], [pod.metadata.uid]);
    assert.deepEqual(extra['authentication.kubernetes.io/node-name'], [pod.spec.nodeName]);
    const elsewhere = await review(token, 'another.example.com');
    assert.ok(elsewhere.authenticated !== true);
    assert.match(elsewhere.error ?? '', /is invalid for the target audiences/);

    await client.patch(
      RESOURCES.configMaps,
      { namespace: NAMESPACE, name: 'trust' },
      { type: 'merge', body: { data: { ca: 'second\n' } } },
    );
    await eventually(
      'the change to reach the file, and the token to stay',
      async () => {
        const [same, , changed] = (await line()) ?? [];
        return same === token && changed === `second,secret,${NAMESPACE}`;
      },
      60_000,
    );
    await client.delete(RESOURCES.pods, { namespace: NAMESPACE, name: 'bearer' });
    await cluster.gone(RESOURCES.pods, 'bearer');
    // A token that was not shown before: the real server goes on taking for ten seconds what it took.
    await eventually(
      'the token to be refused with its pod gone',
      async () => {
        const { authenticated, error = '' } = await review(unseen, AUDIENCE);
        return authenticated !== true && /service account token has been invalidated/.test(error);
      },
      60_000,
    );
  });
}
