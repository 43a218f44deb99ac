/** What every step of a reconcile is given, and how a step that is refused is told instead of thrown. */
import type { McpCluster } from '../../api/index.ts';
import {
  KubeError,
  type EventRecorder,
  type KubeClient,
  type ResourceType,
} from '../../kube/index.ts';
import type { Clock, Random } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { Applier } from '../applier.ts';
import { ForeignObjectError } from '../ownership.ts';
import type { Caches } from '../caches.ts';
import type { ClusterSize, DesiredObject, ReconcileProblem } from '../core/index.ts';
import type { Fleet, Watched } from '../fleet.ts';
import type { RefusedPods } from '../identity/refused-pods.ts';
import type { CertificateSigner } from '../identity/signer.ts';
import type { PodReplacer } from '../pod-replacer.ts';
import type { ServerLogs } from '../server-logs.ts';
import type { SpecFactsReader } from '../spec-facts.ts';
import type { StatusWriter } from '../status-writer.ts';

export interface Tools {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly fleet: Fleet;
  readonly applier: Applier;
  readonly recorder: EventRecorder;
  readonly statusWriter: StatusWriter;
  readonly replacer: PodReplacer;
  readonly serverLogs: ServerLogs;
  readonly specFacts: SpecFactsReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly signer: CertificateSigner;
  /** Where pods ask for their certificates; undefined when this operator does not answer them. */
  readonly serving:
    (() => { readonly url: string; readonly trusted: string } | undefined) | undefined;
  /** Pods that get no certificate. */
  readonly refusedPods: Pick<RefusedPods, 'reason'>;
  readonly sidecarImage: string;
  /** Namespace of the operator's own pod; undefined when it runs outside of Kubernetes. */
  readonly operatorNamespace?: string | undefined;
}

/** The cluster a step works on: with the number of voters that was written down, its size, and what is kept of it. */
export interface Subject {
  readonly cluster: McpCluster;
  readonly size: ClusterSize;
  readonly watched: Watched;
}

export function ensureOwned(
  desired: DesiredObject,
  type: ResourceType,
  { applier, caches }: Pick<Tools, 'applier' | 'caches'>,
): ReturnType<Applier['ensure']> {
  const { namespace, name } = desired.metadata;
  return applier.ensure(type, desired, caches.owned(type, namespace, name));
}

/** What the cluster is told about a write that was refused; anything that may pass by itself is thrown. */
export async function collect(
  write: () => Promise<unknown>,
): Promise<ReconcileProblem | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    if (error instanceof ForeignObjectError) {
      return { reason: 'ForeignObject', message: error.message };
    }
    if (error instanceof KubeError && (error.status === 422 || error.status === 403)) {
      return { reason: 'Refused', message: error.message };
    }
    throw error;
  }
}
