/** What containers find in files and variables, and what stays when they go. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isPodReady, type Pod } from '../../../src/devcluster/core/index.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
import {
  looping,
  NAMESPACE,
  objectOf,
  podOf,
  shell,
  startTestCluster,
  type TestCluster,
} from '../cluster.ts';

let cluster: TestCluster;

before(async () => {
  cluster = await startTestCluster();
});

after(() => cluster.stop());

const main = (pod: Pod) => pod.status?.containerStatuses?.[0];

async function remove(name: string): Promise<void> {
  await cluster.client.delete(RESOURCES.pods, { namespace: NAMESPACE, name });
  await cluster.gone(RESOURCES.pods, name);
}

test(verifies('devcluster.pod-volumes'), async () => {
  const { client } = cluster;
  await client.create(
    RESOURCES.configMaps,
    objectOf('v1', 'ConfigMap', 'settings', { data: { a: '1', b: 'two' } }),
  );
  await client.create(
    RESOURCES.secrets,
    objectOf('v1', 'Secret', 'keys', {
      type: 'Opaque',
      data: { key: Buffer.from('s3cret').toString('base64') },
    }),
  );
  await client.create(
    RESOURCES.pods,
    podOf(
      'volumes',
      {
        volumes: [
          { name: 'settings', configMap: { name: 'settings' } },
          {
            name: 'keys',
            secret: { secretName: 'keys', items: [{ key: 'key', path: 'deep/key' }] },
          },
          {
            name: 'about',
            downwardAPI: {
              items: [
                { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
                { path: 'note', fieldRef: { fieldPath: "metadata.annotations['note']" } },
              ],
            },
          },
        ],
        containers: [
          shell(
            'main',
            'echo "$A $KEY $POD at $IP $SUM"; cat /settings/b /keys/deep/key /about/labels; echo; while :; do cat /settings/a /about/note; echo; sleep 0.1; done',
            {
              env: [
                { name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'a' } } },
                { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'key' } } },
                { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
                { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
                { name: 'SUM', value: '$(A)-$(POD)-$(NONE)-$$(A)' },
              ],
              volumeMounts: [
                { name: 'settings', mountPath: '/settings' },
                { name: 'keys', mountPath: '/keys' },
                { name: 'about', mountPath: '/about' },
              ],
            },
          ),
        ],
      },
      { tier: 'test' },
    ),
  );
  const pod = await cluster.podWhere('volumes', 'to run', isPodReady);
  await eventually('its first lines', async () => {
    const [first, second] = (await cluster.log('volumes')).split('\n');
    assert.equal(first, `1 s3cret volumes at ${pod.status?.podIP} 1-volumes-$(NONE)-$(A)`);
    assert.equal(second, 'twos3crettier="test"');
    return true;
  });
  await client.patch(
    RESOURCES.configMaps,
    { namespace: NAMESPACE, name: 'settings' },
    { type: 'merge', body: { data: { a: 'changed' } } },
  );
  await eventually('the change to reach the file', async () =>
    (await cluster.log('volumes', '?tailLines=1')).includes('changed'),
  );
  await client.patch(
    RESOURCES.pods,
    { namespace: NAMESPACE, name: 'volumes' },
    { type: 'merge', body: { metadata: { annotations: { note: ' and noted' } } } },
  );
  await eventually('the annotation to reach the file', async () =>
    (await cluster.log('volumes', '?tailLines=1')).includes('changed and noted'),
  );
  await client.delete(
    RESOURCES.pods,
    { namespace: NAMESPACE, name: 'volumes' },
    { gracePeriodSeconds: 0 },
  );
  await cluster.gone(RESOURCES.pods, 'volumes');
});

test('a pod waits for what it mounts, and starts when it comes', async () => {
  await cluster.client.create(
    RESOURCES.pods,
    podOf('early', {
      volumes: [{ name: 'late', configMap: { name: 'late' } }],
      containers: [
        shell('main', looping('cat /late/x'), {
          volumeMounts: [{ name: 'late', mountPath: '/late' }],
        }),
      ],
    }),
  );
  await cluster.podWhere(
    'early',
    'to wait',
    (pod) => main(pod)?.state.waiting?.reason === 'ContainerCreating',
  );
  await cluster.client.create(
    RESOURCES.configMaps,
    objectOf('v1', 'ConfigMap', 'late', { data: { x: 'here' } }),
  );
  await cluster.podWhere('early', 'to be ready', isPodReady);
  await remove('early');
});

test(verifies('devcluster.pod-claims'), async () => {
  const { client } = cluster;
  const claim = objectOf('v1', 'PersistentVolumeClaim', 'disk', {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  });
  const user = (name: string) =>
    podOf(name, {
      volumes: [{ name: 'disk', persistentVolumeClaim: { claimName: 'disk' } }],
      containers: [
        shell('main', looping(`echo ${name} >> /disk/users; cat /disk/users`), {
          volumeMounts: [{ name: 'disk', mountPath: '/disk' }],
        }),
      ],
    });
  const logOf = async (name: string): Promise<string> => {
    await cluster.podWhere(name, 'to be ready', isPodReady);
    return await eventually('its log', async () => (await cluster.log(name)) || undefined);
  };
  await client.create(RESOURCES.persistentVolumeClaims, claim);
  await client.create(RESOURCES.pods, user('user-1'));
  assert.equal(await logOf('user-1'), 'user-1\n');
  await remove('user-1');
  await client.create(RESOURCES.pods, user('user-2'));
  assert.equal(await logOf('user-2'), 'user-1\nuser-2\n');
  await client.delete(RESOURCES.persistentVolumeClaims, { namespace: NAMESPACE, name: 'disk' });
  const held = await client.get(RESOURCES.persistentVolumeClaims, {
    namespace: NAMESPACE,
    name: 'disk',
  });
  assert.ok(held?.metadata.deletionTimestamp !== undefined, 'a claim in use stays');
  await remove('user-2');
  await cluster.gone(RESOURCES.persistentVolumeClaims, 'disk');
  await client.create(RESOURCES.persistentVolumeClaims, claim);
  await client.create(RESOURCES.pods, user('user-3'));
  assert.equal(await logOf('user-3'), 'user-3\n');
  await remove('user-3');
});
