/** Writes pods' statuses and final deletions to the API, with patience. */
import { KubeError, RESOURCES, type KubeClient } from '../../kube/index.ts';
import { createBackoff, delay, type Clock, type Random } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { Pod, PodStatus } from '../core/index.ts';
import type { PodWriter } from './ports.ts';

interface PodWriterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Aborts when the kubelet stops: nothing is written any more. */
  readonly signal: AbortSignal;
}

/** A write is tried again until it succeeds, the pod is gone or replaced, or the kubelet stops. */
export function createPodWriter(options: PodWriterOptions): PodWriter {
  const { client, signal } = options;
  const refOf = ({ metadata }: Pod) => ({
    namespace: metadata.namespace as string,
    name: metadata.name as string,
  });
  return {
    writeStatus: (pod, status) =>
      insist(options, pod, () =>
        client.patch(RESOURCES.pods, refOf(pod), {
          type: 'strategic',
          subresource: 'status',
          // The uid keeps this status from a new pod of the same name.
          body: { metadata: { uid: pod.metadata.uid }, status: withNewAddress(pod, status) },
          signal,
        }),
      ),
    remove: (pod) =>
      insist(options, pod, () =>
        client.delete(RESOURCES.pods, refOf(pod), {
          gracePeriodSeconds: 0,
          preconditions: { uid: pod.metadata.uid as string },
          signal,
        }),
      ),
  };
}

/** Addresses are merged by value: a pod that got another one must say that the list is to be replaced. */
function withNewAddress(pod: Pod, status: PodStatus): unknown {
  const before = pod.status?.podIP;
  if (before === undefined || before === status.podIP) return status;
  return { ...status, podIPs: [{ $patch: 'replace' }, ...(status.podIPs ?? [])] };
}

async function insist(
  { clock, random, logger, signal }: PodWriterOptions,
  pod: Pod,
  write: () => Promise<unknown>,
): Promise<void> {
  const backoff = createBackoff({ initialMs: 50, maxMs: 5000 }, random);
  while (!signal.aborted) {
    try {
      await write();
      return;
    } catch (error) {
      const status = error instanceof KubeError ? error.status : 0;
      if (status === 404 || status === 409) return;
      if (signal.aborted) return;
      logger.warn('pod status was not written', {
        pod: `${pod.metadata.namespace}/${pod.metadata.name}`,
        error: (error as Error).message,
      });
      if (status === 422) return;
      await delay(clock, backoff.next(), signal).catch(() => undefined);
    }
  }
}
