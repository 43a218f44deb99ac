/** What every scenario runs in: a Kubernetes API with the operator, a client, kubectl. Laptop clusters are one kind, real nodes another. */
import { join } from 'node:path';
import { MCP_CLUSTERS, type McpCluster } from '../../src/api/index.ts';
import { applyManifest, readManifest } from '../../src/cli/manifests.ts';
import { RESOURCES, type KubeClient, type KubeObject } from '../../src/kube/index.ts';
import { eventually } from '../eventually.ts';
import type { Kubectl } from './kubectl.ts';
import { NAMESPACE } from './manifests.ts';
import type { Plugin } from './plugin.ts';

export interface Arena {
  readonly client: KubeClient;
  readonly kubectl: Kubectl | undefined;
  /** `kubectl mcp` in the namespace of the scenarios. */
  readonly mcp: Plugin;
  readonly root: string;
  /** Ends every process of the pod without a word, as far as the place has means for that. */
  killPod(name: string): Promise<void>;
  /** Whether both containers of the pod run, as the kubelet sees it. */
  isRunning(name: string): Promise<boolean>;
  /** An address of this machine that stands for that of a pod, for the cluster's port. */
  addressOf(podIp: string): string | Promise<string>;
  apply(...objects: readonly KubeObject[]): Promise<void>;
  /** The McpCluster as it is now; fails when there is none. */
  get(name: string): Promise<McpCluster>;
  /** Resolves with the McpCluster as soon as `condition` has `status` for its present generation. */
  condition(name: string, type: string, status?: string, timeoutMs?: number): Promise<McpCluster>;
  /** URL of the client Service as a program on this machine reaches it. */
  url(name: string): Promise<string>;
  /** Deletes the McpCluster and waits until it and its pods are gone. */
  remove(name: string): Promise<void>;
  /** What the processes said last, for a failure's report. */
  lastWords(): Promise<string>;
  stop(): Promise<void>;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ResourceOptions {
  /** Where a Service is reached from this machine; undefined as long as it is not. */
  readonly reach: (service: string, port: number) => Address | undefined | Promise<Address>;
  /** What an object has to be like in this place. */
  readonly adapt?: (object: KubeObject) => KubeObject;
}

export type ResourceHelpers = Pick<Arena, 'apply' | 'get' | 'condition' | 'url' | 'remove'>;

export function resourceHelpers(
  client: KubeClient,
  { reach, adapt = (object) => object }: ResourceOptions,
): ResourceHelpers {
  const get = async (name: string): Promise<McpCluster> => {
    const ref = { namespace: NAMESPACE, name };
    const found = await client.get<McpCluster>(MCP_CLUSTERS, ref);
    if (found === undefined) throw new Error(`there is no McpCluster ${name}`);
    return found;
  };
  return {
    get,
    apply: (...objects) => applyManifest(client, objects.map(adapt), NAMESPACE),
    async condition(name, type, status = 'True', timeoutMs = 60_000) {
      let last: unknown = 'no conditions';
      const probe = async (): Promise<McpCluster | false> => {
        const found = await get(name);
        last = found.status?.conditions ?? last;
        const isSeen = found.status?.observedGeneration === found.metadata.generation;
        const condition = found.status?.conditions?.find((each) => each.type === type);
        return isSeen && condition?.status === status && found;
      };
      return eventually(`${type}=${status} of ${name}`, probe, timeoutMs).catch(
        (error: unknown) => {
          throw new Error(`${String(error)}; it has ${JSON.stringify(last)}`);
        },
      );
    },
    async url(name) {
      const { spec } = await get(name);
      const { port, path } = spec.gateway;
      const address = await eventually(`the Service ${name} to listen`, () => reach(name, port));
      return `http://${address.host}:${address.port}${path}`;
    },
    async remove(name) {
      const ref = { namespace: NAMESPACE, name };
      await client.delete(MCP_CLUSTERS, ref, { propagationPolicy: 'Foreground' });
      const isGone = async (): Promise<boolean> =>
        (await client.get(MCP_CLUSTERS, ref)) === undefined;
      await eventually(`${name} to be gone`, isGone, 60_000);
    },
  };
}

/** The namespace in which all scenarios play, with the strictest of the Pod Security Standards. */
export async function makeNamespace(client: KubeClient, name: string): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await client.apply(
    RESOURCES.namespaces,
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } },
    { fieldManager: 'e2e', force: true },
  );
}

/** The sample of `deploy/samples`, the same that the demo applies. */
export function readSample(arena: Arena, file = 'everything.yaml'): Promise<KubeObject[]> {
  return readManifest(join(arena.root, 'deploy', 'samples', file));
}
