/** Starts and stops all controllers together. */
import {
  createEventRecorder,
  createInformer,
  RESOURCES,
  type Informer,
  type KubeClient,
  type KubeResource,
  type ResourceType,
} from '../../kube/index.ts';
import type { Clock, Random } from '../../std/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import { createClaimProtection } from './claim-protection.ts';
import type { ControllerContext, ControllerInformers } from './context.ts';
import { createCronJobController } from './cron-job.ts';
import { createDeploymentController } from './deployment.ts';
import { createDisruptionController } from './disruption.ts';
import { createEndpointsController } from './endpoints.ts';
import { createGarbageCollector } from './garbage-collector.ts';
import { createJobController } from './job.ts';
import { createNamespaceController, createServiceAccountController } from './namespace.ts';
import { createObjectGraph } from './object-graph.ts';
import { createRootAuthorityPublisher } from './root-authority.ts';
import { createReplicaSetController } from './replica-set.ts';
import { createStatefulSetController } from './stateful-set.ts';

type SharedNames = 'configMaps' | 'pods' | 'nodes' | 'services' | 'slices' | 'claims';

export interface ControllersOptions {
  readonly client: KubeClient;
  /** Local copies that others share; started and stopped by their owner. */
  readonly informers: Pick<ControllerInformers, SharedNames>;
  /** PEM of the API server's authority, which every namespace is told. */
  readonly rootAuthority: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Resolves when every local copy is complete and the controllers work. */
export async function startControllers(
  options: ControllersOptions,
): Promise<{ stop(): Promise<void> }> {
  const own: Informer<KubeResource>[] = [];
  const follow = <T extends KubeResource>(resource: ResourceType): Informer<T> => {
    const informer = createInformer<T>({ ...options, resource });
    own.push(informer);
    informer.start();
    return informer;
  };
  const name = 'controller-manager';
  const recorder = createEventRecorder({ ...options, controller: name, instance: name });
  const context: ControllerContext = {
    ...options,
    informers: {
      ...options.informers,
      statefulSets: follow(RESOURCES.statefulSets),
      revisions: follow(RESOURCES.controllerRevisions),
      deployments: follow(RESOURCES.deployments),
      replicaSets: follow(RESOURCES.replicaSets),
      jobs: follow(RESOURCES.jobs),
      cronJobs: follow(RESOURCES.cronJobs),
      budgets: follow(RESOURCES.podDisruptionBudgets),
      namespaces: follow(RESOURCES.namespaces),
      serviceAccounts: follow(RESOURCES.serviceAccounts),
    },
    event: (regarding, type, reason, note) =>
      recorder.record({ regarding, type, reason, action: reason, note }),
  };
  const graph = createObjectGraph(options);
  const controllers = [
    createStatefulSetController(context),
    createDeploymentController(context),
    createReplicaSetController(context),
    createJobController(context),
    createCronJobController(context),
    createEndpointsController(context),
    createDisruptionController(context),
    createClaimProtection(context),
    createNamespaceController(context, graph),
    createServiceAccountController(context),
    createRootAuthorityPublisher(context, options.rootAuthority),
    createGarbageCollector(context, graph),
  ];
  await Promise.all([graph.start(), ...own.map((informer) => informer.waitForSync())]);
  for (const controller of controllers) controller.start();
  return {
    async stop() {
      await Promise.all(controllers.map((controller) => controller.stop()));
      await graph.stop();
      await Promise.all(own.map((informer) => informer.stop()));
    },
  };
}
