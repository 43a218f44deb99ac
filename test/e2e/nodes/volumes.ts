/**
 * Volumes that any user may write, for a cluster whose own ones only root may: folders beside each other in one that all nodes
 * share, as the nodes of one machine do. Whatever node a pod comes to, its volume is there.
 */
import { RESOURCES, type KubeClient } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { plainContainer, plainPod, type PodStatus } from './pods.ts';

/** Pods of the suite that need root have this namespace for themselves. */
const NAMESPACE = 'mcp-cluster-e2e-volumes';
const MOUNT = '/volumes';
const POD_MAX_MS = 60_000;

/** Claims of the one can grow, of the other they cannot. */
export const STORAGE_CLASSES = { growing: 'mcp-cluster-e2e', rigid: 'mcp-cluster-e2e-rigid' };
/** A volume is used once: more than all rows together claim. */
const VOLUMES = { growing: 40, rigid: 2 };

export interface Volumes {
  /** Makes the volumes and both classes; resolves when they can be claimed. */
  create(): Promise<void>;
  /** Takes away everything that `create` made, with what is in it. */
  remove(): Promise<void>;
}

export interface VolumesOptions {
  readonly client: KubeClient;
  readonly image: string;
  /** Where the program that makes the folders runs. */
  readonly node: string;
  /** Folder on the nodes; it is the suite's alone, and need not exist. */
  readonly folder: string;
}

export function createVolumes({ client, image, node, folder }: VolumesOptions): Volumes {
  const sets = Object.entries(STORAGE_CLASSES).map(([kind, storageClass]) => ({
    storageClass,
    allowVolumeExpansion: kind === 'growing',
    names: Array.from(
      { length: VOLUMES[kind as keyof typeof VOLUMES] },
      (_, index) => `${storageClass}-${index}`,
    ),
  }));
  const all = sets.flatMap(({ names }) => names);

  /** Runs JavaScript as root before the folder, as a cluster's administrator would. */
  const asRoot = async (name: string, program: string): Promise<void> => {
    const ref = { namespace: NAMESPACE, name };
    const container = {
      ...plainContainer({ name, image, program }),
      securityContext: { runAsUser: 0 },
      volumeMounts: [{ name: 'folder', mountPath: MOUNT }],
    };
    const hostPath = { path: folder, type: 'DirectoryOrCreate' };
    const volumes = [{ name: 'folder', hostPath }];
    await client.create(RESOURCES.pods, plainPod({ ...ref, node, container, volumes }));
    await eventually(
      `pod ${name} to have ended`,
      async () => (await client.get<PodStatus>(RESOURCES.pods, ref))?.status?.phase === 'Succeeded',
      POD_MAX_MS,
    );
  };
  const forget = async (): Promise<void> => {
    for (const name of all)
      await client.delete(RESOURCES.persistentVolumes, { name }).catch(() => undefined);
    for (const { storageClass: name } of sets)
      await client.delete(RESOURCES.storageClasses, { name }).catch(() => undefined);
    await client.delete(RESOURCES.namespaces, { name: NAMESPACE }).catch(() => undefined);
    const isGone = async (): Promise<boolean> =>
      (await client.get(RESOURCES.namespaces, { name: NAMESPACE })) === undefined;
    await eventually('the namespace of the volumes to be gone', isGone, POD_MAX_MS);
  };

  return {
    async create() {
      // What a run that broke off left behind is bound to claims that are no more.
      await forget();
      const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' };
      await client.create(RESOURCES.namespaces, {
        ...{ apiVersion: 'v1', kind: 'Namespace' },
        metadata: { name: NAMESPACE, labels },
      });
      await asRoot(
        'make',
        `const { chmodSync, mkdirSync, rmSync } = require('node:fs');
        for (const name of ${JSON.stringify(all)}) {
          rmSync('${MOUNT}/' + name, { recursive: true, force: true });
          mkdirSync('${MOUNT}/' + name);
          chmodSync('${MOUNT}/' + name, 0o777);
        }`,
      );
      for (const { storageClass, allowVolumeExpansion, names } of sets) {
        await client.create(RESOURCES.storageClasses, {
          ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' },
          metadata: { name: storageClass },
          provisioner: 'kubernetes.io/no-provisioner',
          allowVolumeExpansion,
        });
        for (const name of names)
          await client.create(RESOURCES.persistentVolumes, {
            ...{ apiVersion: 'v1', kind: 'PersistentVolume' },
            metadata: { name },
            spec: {
              storageClassName: storageClass,
              capacity: { storage: '2Gi' },
              accessModes: ['ReadWriteOnce'],
              persistentVolumeReclaimPolicy: 'Retain',
              hostPath: { path: `${folder}/${name}`, type: 'Directory' },
            },
          });
      }
    },
    async remove() {
      await asRoot(
        'remove',
        `for (const name of ${JSON.stringify(all)})
          require('node:fs').rmSync('${MOUNT}/' + name, { recursive: true, force: true });`,
      );
      await forget();
    },
  };
}
