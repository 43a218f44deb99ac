/** A laptop cluster for tests, with a client and short ways to make pods of shell scripts. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startDevCluster, type DevCluster } from '../../src/devcluster/index.ts';
import type { Container, Pod, PodSpec } from '../../src/devcluster/core/index.ts';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import {
  createKubeClient,
  loadKubeConnection,
  RESOURCES,
  type KubeClient,
  type KubeResource,
  type ResourceType,
} from '../../src/kube/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';

export const LOCAL_IMAGES = fileURLToPath(
  new URL('../../deploy/local-images.yaml', import.meta.url),
);
/** Runs its first argument as a shell script. */
export const SHELL_IMAGE = 'test/shell:1';
export const NAMESPACE = 'default';

export interface TestCluster {
  readonly cluster: DevCluster;
  readonly client: KubeClient;
  pod(name: string): Promise<Pod | undefined>;
  /** Waits until the pod satisfies `is`. */
  podWhere(name: string, what: string, is: (pod: Pod) => boolean | undefined): Promise<Pod>;
  gone(type: ResourceType, name: string): Promise<void>;
  log(pod: string, query?: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startTestCluster(
  backend: 'embedded' | 'kubebuilder' = 'embedded',
): Promise<TestCluster> {
  const cluster = await startDevCluster({
    backend,
    localImages: LOCAL_IMAGES,
    extraImages: [{ image: SHELL_IMAGE, entrypoint: ['/bin/sh', '-c'] }],
    logger: silentLogger,
  });
  const connection = await loadKubeConnection({ kubeconfig: cluster.kubeconfig });
  const client = createKubeClient(connection, { clock, random, metrics: createMetrics() });
  const pod = (name: string): Promise<Pod | undefined> =>
    client.get<Pod>(RESOURCES.pods, { namespace: NAMESPACE, name });
  await eventually('the default service account', () =>
    client.get(RESOURCES.serviceAccounts, { namespace: NAMESPACE, name: 'default' }),
  );
  return {
    cluster,
    client,
    pod,
    podWhere: (name, what, is) =>
      eventually(
        `pod ${name} ${what}`,
        async () => {
          const found = await pod(name);
          return found !== undefined && is(found) === true ? found : undefined;
        },
        60_000,
      ),
    gone: async (type, name) => {
      await eventually(
        `${type.kind} ${name} to be gone`,
        async () => (await client.get(type, { namespace: NAMESPACE, name })) === undefined,
        60_000,
      );
    },
    log: (name, query = '') =>
      client.raw('GET', `/api/v1/namespaces/${NAMESPACE}/pods/${name}/log${query}`),
    async stop() {
      await client.close();
      await cluster.stop();
    },
  };
}

/** A container that runs a script. */
export function shell(name: string, script: string, more: Partial<Container> = {}): Container {
  return { name, image: SHELL_IMAGE, args: [script], ...more };
}

export function podOf(name: string, spec: PodSpec, labels: Record<string, string> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE, labels },
    spec: { terminationGracePeriodSeconds: 5, ...spec },
  };
}

export const objectOf = (
  apiVersion: string,
  kind: string,
  name: string,
  fields: Record<string, unknown>,
): KubeResource & Record<string, unknown> => ({
  apiVersion,
  kind,
  metadata: { name, namespace: NAMESPACE },
  ...fields,
});

/** Loops until it is told to end; what it does first and last are shell commands. */
export const looping = (first = ':', last = 'exit 0'): string =>
  `trap '${last}' TERM; ${first}; while :; do sleep 0.05; done`;

/** A process that has ended but was not waited for by its parent does not run any more. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}
