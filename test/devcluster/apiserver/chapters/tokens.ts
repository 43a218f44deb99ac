/** Tokens of service accounts: asked for, refused, reviewed, and what becomes of them when their pod goes. */
import { pod, type Body } from '../fixture.ts';
import { DEFAULT, type Chapter } from './chapter.ts';

const ACCOUNTS = `${DEFAULT}/serviceaccounts`;
const REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';
const ISSUER = 'https://kubernetes.default.svc.cluster.local';

const ask = (spec: Body = {}, metadata: Body = {}): Body => ({
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenRequest',
  metadata,
  spec,
});

export const tokens: Chapter = async (call, until) => {
  const path = `${ACCOUNTS}/holder/token`;
  const request = async (body: Body): Promise<string> => {
    const reply = await call('POST', path, body);
    return reply.body.status.token ?? '';
  };
  const review = (spec: Body) => call('POST', REVIEWS, { spec });
  await call('POST', ACCOUNTS, { metadata: { name: 'holder' } });
  await call('POST', ACCOUNTS, { metadata: { name: 'other' } });
  const plain = await request(ask());
  await request({});
  await request(ask({ audiences: ['a', 'b'], expirationSeconds: 700 }));
  await request(ask({ expirationSeconds: 599 }));
  await request(ask({ expirationSeconds: 2 ** 32 + 1 }));
  await request(ask({}, { name: 'other' }));
  await request(ask({}, { namespace: 'elsewhere' }));
  await call('POST', `${ACCOUNTS}/nobody/token`, ask());
  await call('GET', path);
  await call('POST', `${path}?dryRun=All`, ask());
  const bound = (kind: string, name: string, more: Body = {}): Body =>
    ask({ boundObjectRef: { kind, apiVersion: 'v1', name, ...more } });
  await request(bound('Pod', 'none'));
  await request(bound('Secret', 'none'));
  await request(bound('ConfigMap', 'none'));
  await call('POST', '/api/v1/nodes', { metadata: { name: 'token-node' } });
  const made = await call('POST', `${DEFAULT}/pods`, pod('bearer', account('holder')));
  await call('POST', `${DEFAULT}/pods`, pod('stranger', account('other')));
  await request(bound('Pod', 'stranger'));
  await request(bound('Pod', 'bearer', { uid: 'wrong' }));
  await call('POST', `${DEFAULT}/pods`, pod('nobody', { serviceAccountName: 'nobody' }));
  await call('POST', `${DEFAULT}/pods`, pod('mounted', ownMount));
  const quiet = { metadata: { name: 'quiet' }, automountServiceAccountToken: false };
  await call('POST', ACCOUNTS, { ...quiet, imagePullSecrets: [{ name: 'pull' }] });
  await call('POST', `${DEFAULT}/pods`, pod('quiet', { serviceAccountName: 'quiet' }));
  const { uid } = made.body.metadata;
  const toPod = { kind: 'Pod', apiVersion: 'v1', name: 'bearer', uid };
  const mounted = await request(ask({ expirationSeconds: 3607, boundObjectRef: toPod }));
  const target = { kind: 'Node', name: 'token-node' };
  await call('POST', `${DEFAULT}/pods/bearer/binding`, { metadata: { name: 'bearer' }, target });
  const onNode = await request(ask({ audiences: ['x', 'y'], boundObjectRef: toPod }));
  const unseen = await request(ask({ boundObjectRef: toPod }));
  const spare = await request(ask({ boundObjectRef: toPod }));
  await review({ token: plain });
  await review({ token: mounted, audiences: [ISSUER, 'z'] });
  await review({ token: onNode, audiences: ['y', 'z'] });
  await review({ token: onNode, audiences: ['z'] });
  await review({ token: onNode });
  await review({ token: '' });
  await review({ token: 'neither' });
  await review({ token: `${plain.slice(0, -8)}AAAAAAAA` });
  // The real server follows deletions a moment later, and remembers for ten seconds what it took.
  const refused = (token: string, why: RegExp): Promise<void> =>
    until(REVIEWS, { spec: { token } }, ({ body }) => why.test(body.status.error ?? ''));
  await call('DELETE', `${DEFAULT}/pods/bearer`, { gracePeriodSeconds: 0 });
  await refused(spare, /invalidated/);
  await review({ token: unseen });
  await call('DELETE', `${DEFAULT}/pods/stranger`, { gracePeriodSeconds: 0 });
  const orphan = await request(ask());
  const another = await request(ask());
  await call('DELETE', `${ACCOUNTS}/holder`);
  await refused(another, /not found/);
  await review({ token: orphan });
  await call('POST', ACCOUNTS, { metadata: { name: 'holder' } });
  await refused(another, /does not match/);
  await review({ token: orphan });
};

/** One container has something of its own where the token would be mounted. */
const ownMount: Body = {
  volumes: [{ name: 'own', emptyDir: {} }],
  initContainers: [{ name: 'first', image: 'example.com/app:1' }],
  containers: [
    {
      name: 'main',
      image: 'example.com/app:1',
      volumeMounts: [{ name: 'own', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
    },
  ],
};

const account = (name: string): Body => ({
  serviceAccountName: name,
  automountServiceAccountToken: false,
});
