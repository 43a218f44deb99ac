/** The nodes of the laptop cluster: one process plays every kubelet, a node is a name, a zone and a range of addresses. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createEventRecorder, type Informer, type KubeClient } from '../../kube/index.ts';
import type { Clock, Random } from '../../std/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import type { ConfigMap, PersistentVolumeClaim, Pod, Secret } from '../core/index.ts';
import { noSuchPod, type LogLookup } from './find-log.ts';
import type { ImageTable } from './images.ts';
import { registerNode, type NumberedNode } from './node.ts';
import { createPodSet } from './pod-set.ts';
import { createPodWriter } from './pod-writer.ts';
import type { KubeletDependencies } from './ports.ts';
import { tokenRequester } from './token-requester.ts';
import type { Reaper } from './reaper.ts';

/** Local copies that the kubelet reads; they are started and stopped by their owner. */
export interface KubeletInformers {
  readonly pods: Informer<Pod>;
  readonly configMaps: Informer<ConfigMap>;
  readonly secrets: Informer<Secret>;
  readonly claims: Informer<PersistentVolumeClaim>;
}

export interface KubeletOptions {
  readonly client: KubeClient;
  readonly informers: KubeletInformers;
  readonly nodes: readonly NumberedNode[];
  readonly images: ImageTable;
  readonly reaper: Reaper;
  readonly dataFolder: string;
  readonly hostsFile: string;
  readonly networkModuleUrl: string;
  readonly nodeFolder: string;
  readonly hostAddress: string;
  readonly apiService: KubeletDependencies['apiService'];
  /** Port of the log endpoint, as the Node objects say. */
  readonly logPort: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface Kubelet {
  /** Registers the nodes and begins to run the pods bound to them. */
  start(): Promise<void>;
  /** Kills every process of every pod; pod objects stay as they are. */
  stop(): Promise<void>;
  /** SIGKILL to every process of the pod; the ids that were killed. Restarts follow the pod's policy. */
  killPod(namespace: string, name: string): number[];
  podProcesses(namespace: string, name: string): { container: string; pids: number[] }[];
  /** The log of a container (of the first one without a name), or why there is none. */
  podLog(
    namespace: string,
    name: string,
    container: string | undefined,
    previous: boolean,
  ): LogLookup;
}

export function createKubelet(options: KubeletOptions): Kubelet {
  const { informers, nodes, logger } = options;
  const abort = new AbortController();
  const dependencies = dependenciesOf(options, abort.signal);
  const pods = createPodSet({ nodes, dependencies, logger });
  const heartbeats: { stop(): void }[] = [];
  const cancels: (() => void)[] = [];
  return {
    async start() {
      // Nothing of an earlier cluster in this folder is alive: only the claims' folders are kept.
      await rm(join(options.dataFolder, 'pods'), { recursive: true, force: true });
      await mkdir(join(options.dataFolder, 'pods'), { recursive: true, mode: 0o700 });
      for (const node of nodes) heartbeats.push(await registerNode({ ...options, node }));
      cancels.push(
        informers.pods.onChange((change) =>
          change.type === 'deleted' ? pods.remove(change.object) : pods.update(change.object),
        ),
        informers.configMaps.onChange(({ object }) => pods.refresh(object.metadata.namespace)),
        informers.secrets.onChange(({ object }) => pods.refresh(object.metadata.namespace)),
      );
    },
    async stop() {
      for (const cancel of cancels.splice(0)) cancel();
      for (const heartbeat of heartbeats.splice(0)) heartbeat.stop();
      abort.abort(new Error('the kubelet is stopping'));
      await pods.stop();
    },
    killPod: (namespace, name) => pods.find(namespace, name)?.kill() ?? [],
    podProcesses: (namespace, name) => pods.find(namespace, name)?.processes() ?? [],
    podLog: (namespace, name, container, previous) =>
      pods.find(namespace, name)?.log(container, previous) ?? noSuchPod(name),
  };
}

function dependenciesOf(options: KubeletOptions, signal: AbortSignal): KubeletDependencies {
  const { client, clock, random, logger, metrics, informers } = options;
  const recorder = createEventRecorder({
    client,
    controller: 'kubelet',
    instance: 'devcluster',
    clock,
    random,
    logger,
    metrics,
  });
  return {
    ...options,
    objects: {
      configMap: (key) => informers.configMaps.get(key),
      secret: (key) => informers.secrets.get(key),
      claim: (key) => informers.claims.get(key),
    },
    writer: createPodWriter({ client, clock, random, logger, signal }),
    requestToken: tokenRequester(client),
    events(pod, type, reason, note) {
      if (signal.aborted) return;
      recorder.record({ regarding: pod, type, reason, action: reason, note });
    },
  };
}
