/** The pods that run on the nodes of this machine, each with its worker and its address. */
import { objectKey } from '../../kube/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { Pod } from '../core/index.ts';
import { createAddressPool, podCidrOf, type AddressPool } from '../network/index.ts';
import type { NumberedNode } from './node.ts';
import { createPodWorker, type PodWorker } from './pod-worker.ts';
import type { KubeletDependencies } from './ports.ts';

export interface PodSet {
  /** A pod is new or changed; one that is not bound to our nodes is ignored. */
  update(pod: Pod): void;
  /** The object is gone: what is left of the pod goes at once. */
  remove(pod: Pod): void;
  /** A ConfigMap or Secret of the namespace changed. */
  refresh(namespace: string | undefined): void;
  find(namespace: string, name: string): PodWorker | undefined;
  /** Kills every process of every pod. */
  stop(): Promise<void>;
}

interface RunningPod {
  readonly worker: PodWorker;
  readonly key: string;
  readonly pool: AddressPool;
  readonly address: string;
}

export function createPodSet(options: {
  readonly nodes: readonly NumberedNode[];
  readonly dependencies: KubeletDependencies;
  readonly logger: Logger;
}): PodSet {
  const { nodes, dependencies, logger } = options;
  const pools = new Map(
    nodes.map(({ name, number }) => [name, createAddressPool(podCidrOf(number))]),
  );
  const running = new Map<string, RunningPod>();
  const leaving = new Set<Promise<void>>();
  return {
    update(pod) {
      const uid = pod.metadata.uid as string;
      const known = running.get(uid);
      if (known !== undefined) return known.worker.update(pod);
      const pool = pools.get(pod.spec.nodeName ?? '');
      if (pool === undefined) return undefined;
      // A pod that an earlier kubelet ran keeps its address.
      const address = pool.take(pod.status?.podIP);
      if (address === undefined) {
        const note = 'every address of the node is in use';
        return dependencies.events(pod, 'Warning', 'FailedCreatePodSandBox', note);
      }
      const facts = { podIP: address, hostIP: dependencies.hostAddress };
      const worker = createPodWorker(pod, facts, dependencies);
      running.set(uid, { worker, key: objectKey(pod), pool, address });
      return undefined;
    },
    remove(pod) {
      const known = running.get(pod.metadata.uid as string);
      if (known === undefined) return;
      running.delete(pod.metadata.uid as string);
      const end = known.worker
        .abandon()
        .catch((error: unknown) =>
          logger.warn('pod was not cleaned up', { pod: known.key, error: String(error) }),
        )
        .finally(() => {
          known.pool.release(known.address);
          leaving.delete(end);
        });
      leaving.add(end);
    },
    refresh(namespace) {
      for (const { worker, key } of running.values())
        if (key.startsWith(`${namespace}/`)) worker.refreshVolumes();
    },
    find(namespace, name) {
      const key = `${namespace}/${name}`;
      return [...running.values()].findLast((one) => one.key === key)?.worker;
    },
    async stop() {
      await Promise.all([...running.values()].map(({ worker }) => worker.abandon()));
      running.clear();
      await Promise.all(leaving);
    },
  };
}
