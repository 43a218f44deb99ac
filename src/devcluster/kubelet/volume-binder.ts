/** Binds claims: no provisioner runs on either backend, and a kept folder is always there. */
import { rm } from 'node:fs/promises';
import {
  createController,
  isAlreadyExists,
  isNotFound,
  objectKey,
  refOfKey,
  RESOURCES,
  type Informer,
  type KubeClient,
  type KubeResource,
  type Outcome,
} from '../../kube/index.ts';
import type { Clock, Random } from '../../std/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import type { PersistentVolumeClaim } from '../core/index.ts';
import { claimFolder } from './volumes.ts';

/** The default class, also served by this binder when it is named. */
const STORAGE_CLASS = 'local-folder';
const PROVISIONER = 'mcpcluster.io/local-folder';

interface BinderOptions {
  readonly client: KubeClient;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly claimsFolder: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Creates the default storage class, binds each claim to a volume of its own, and deletes both folder and volume with the claim. */
export function createVolumeBinder(options: BinderOptions): {
  start(): Promise<void>;
  stop(): Promise<void>;
} {
  const { client, claims } = options;
  const controller = createController({
    name: 'volume-binder',
    reconcile: (key) => bind(options, key),
    workersMax: 4,
    ...options,
  });
  let cancel = (): void => undefined;
  return {
    async start() {
      await createIfMissing(client, RESOURCES.storageClasses, {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: {
          name: STORAGE_CLASS,
          annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
        },
        provisioner: PROVISIONER,
        reclaimPolicy: 'Delete',
        volumeBindingMode: 'Immediate',
      });
      cancel = claims.onChange(({ type, object }) => {
        if (type !== 'deleted') controller.enqueue(objectKey(object));
        else
          release(options, object).catch((error: unknown) =>
            options.logger.warn('volume was not released', {
              claim: objectKey(object),
              error: String(error),
            }),
          );
      });
      controller.start();
    },
    async stop() {
      cancel();
      await controller.stop();
    },
  };
}

const volumeName = (claim: PersistentVolumeClaim): string => `pvc-${claim.metadata.uid}`;

async function createIfMissing<T extends KubeResource>(
  client: KubeClient,
  type: Parameters<KubeClient['create']>[0],
  object: T,
): Promise<void> {
  try {
    await client.create(type, object);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

async function bind(options: BinderOptions, key: string): Promise<Outcome> {
  const { client, claims, claimsFolder } = options;
  const claim = claims.get(key);
  if (claim === undefined || claim.metadata.deletionTimestamp !== undefined)
    return { kind: 'settled' };
  if (claim.status?.phase === 'Bound') return { kind: 'settled' };
  const { namespace, name } = refOfKey(key) as { namespace: string; name: string };
  const capacity = { storage: claim.spec.resources?.requests?.['storage'] ?? '1Gi' };
  const accessModes = claim.spec.accessModes ?? ['ReadWriteOnce'];
  await createIfMissing(client, RESOURCES.persistentVolumes, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: volumeName(claim) },
    spec: {
      capacity,
      accessModes,
      storageClassName: claim.spec.storageClassName ?? STORAGE_CLASS,
      persistentVolumeReclaimPolicy: 'Delete',
      hostPath: { path: claimFolder(claimsFolder, claim) },
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        namespace,
        name,
        uid: claim.metadata.uid,
      },
    },
  } as KubeResource);
  await client.patch(
    RESOURCES.persistentVolumes,
    { name: volumeName(claim) },
    {
      type: 'merge',
      subresource: 'status',
      body: { status: { phase: 'Bound' } },
    },
  );
  await client.patch(
    RESOURCES.persistentVolumeClaims,
    { namespace, name },
    {
      type: 'merge',
      body: {
        metadata: {
          annotations: {
            'pv.kubernetes.io/bind-completed': 'yes',
            'pv.kubernetes.io/bound-by-controller': 'yes',
          },
        },
        spec: {
          volumeName: volumeName(claim),
          ...(claim.spec.storageClassName === undefined ? { storageClassName: STORAGE_CLASS } : {}),
        },
      },
    },
  );
  await client.patch(
    RESOURCES.persistentVolumeClaims,
    { namespace, name },
    {
      type: 'merge',
      subresource: 'status',
      body: { status: { phase: 'Bound', accessModes, capacity } },
    },
  );
  return { kind: 'settled' };
}

async function release(options: BinderOptions, claim: PersistentVolumeClaim): Promise<void> {
  const ref = { name: volumeName(claim) };
  // On a real control plane admission protects each volume, and the controller that lifts that does not run.
  const body = { metadata: { finalizers: null } };
  await options.client
    .patch(RESOURCES.persistentVolumes, ref, { type: 'merge', body })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  await options.client.delete(RESOURCES.persistentVolumes, ref);
  await rm(claimFolder(options.claimsFolder, claim), { recursive: true, force: true });
}
