/** Nodes and volumes for a real scheduler, where no kubelet and no provisioner run. */
import { RESOURCES, type KubeClient, type KubeObject } from '../../src/kube/index.ts';
import { eventually } from '../eventually.ts';

/** Keeps the pods of other tests away from nodes that nobody plays. */
export const BENCH_TOLERATION = { key: 'example.com/bench', operator: 'Exists' };

/** A node with room. */
export async function addNode(client: KubeClient, name: string, zone: string): Promise<void> {
  const labels = { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': zone };
  const taints = [{ key: BENCH_TOLERATION.key, effect: 'NoSchedule' }];
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: { taints } };
  await client.create(RESOURCES.nodes, node);
  // The API server taints a new node, for a controller that this control plane does not run.
  await client.patch(RESOURCES.nodes, { name }, { type: 'merge', body: { spec: { taints } } });
  const capacity = { cpu: '8', memory: '16Gi', pods: '32' };
  const body = { status: { capacity, allocatable: capacity } };
  await client.patch(RESOURCES.nodes, { name }, { type: 'merge', subresource: 'status', body });
}

/** A volume for the claim, once that is there: a pod whose claim has none is not put anywhere. */
export async function provision(
  client: KubeClient,
  namespace: string,
  claimName: string,
): Promise<void> {
  const ref = { namespace, name: claimName };
  const claim = await eventually(`the claim ${claimName}`, () =>
    client.get<KubeObject>(RESOURCES.persistentVolumeClaims, ref),
  );
  const volumeName = `pv-${claim.metadata.uid}`;
  const storage = '1Gi';
  const accessModes = ['ReadWriteOnce'];
  await client.create(RESOURCES.persistentVolumes, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: volumeName },
    spec: {
      capacity: { storage },
      accessModes,
      hostPath: { path: '/nowhere' },
      claimRef: { kind: 'PersistentVolumeClaim', ...ref, uid: claim.metadata.uid },
    },
  });
  const patch = (body: object, subresource?: 'status') =>
    client.patch(RESOURCES.persistentVolumeClaims, ref, {
      type: 'merge',
      body,
      ...(subresource === undefined ? {} : { subresource }),
    });
  const annotations = { 'pv.kubernetes.io/bind-completed': 'yes' };
  await patch({ metadata: { annotations }, spec: { volumeName } });
  await patch({ status: { phase: 'Bound', accessModes, capacity: { storage } } }, 'status');
}
