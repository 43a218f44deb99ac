/** Deletes the pod whose turn it is, after asking the API server itself whether it still is. */
import { RESTART_ANNOTATION, selectorLabels, selectorText, type McpCluster } from '../api/index.ts';
import { RESOURCES, type EventRecorder, type KubeClient } from '../kube/index.ts';
import type { Clock } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import {
  decideRollout,
  observeCluster,
  type ClusterSize,
  type MemberView,
  type Pod,
  type RolloutPolicy,
  type StatefulSet,
} from './core/index.ts';
import type { Fleet } from './fleet.ts';
import { currentRevision } from './revision.ts';

export interface PodReplacer {
  /** Does nothing when the decision does not hold on fresh objects; the next reconcile decides again. */
  replace(
    subject: { readonly cluster: McpCluster; readonly size: ClusterSize },
    member: MemberView,
    policy: RolloutPolicy,
  ): Promise<void>;
}

export function createPodReplacer(options: {
  readonly client: KubeClient;
  readonly fleet: Fleet;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
}): PodReplacer {
  const { client, fleet, recorder, clock, logger } = options;
  return {
    async replace({ cluster, size }, member, policy) {
      const { name, namespace } = cluster.metadata;
      const set = await client.get<StatefulSet>(RESOURCES.statefulSets, { namespace, name });
      const labelSelector = selectorText(selectorLabels(name));
      const pods = await client.list<Pod>(RESOURCES.pods, { namespace, labelSelector });
      const { monitor, tls, tlsCheckedAt } = fleet.watch(cluster);
      // What a pod said that is gone meanwhile must not count for the one that has its name now.
      if (tlsCheckedAt !== undefined) monitor.follow(cluster, pods.items, tls);
      const view = observeCluster(cluster, size, {
        pods: pods.items,
        reports: monitor.reports(),
        logLines: new Map(),
        updateRevision: currentRevision(set),
        ageMs: (instant) => clock.wall() - Date.parse(instant),
      });
      const step = decideRollout(view, policy);
      if (step.kind !== 'replace' || step.member.name !== member.name) return;
      const uid = step.member.pod?.metadata.uid;
      if (uid === undefined || uid !== member.pod?.metadata.uid) return;
      await client.delete(
        RESOURCES.pods,
        { namespace, name: member.name },
        {
          preconditions: { uid },
        },
      );
      logger.info('pod is replaced', { cluster: name, namespace, pod: member.name });
      recorder.record({
        regarding: cluster,
        type: 'Normal',
        reason: 'ReplacingPod',
        action: 'Update',
        note:
          member.restartAsked === true
            ? `${member.name} is replaced, as its annotation ${RESTART_ANNOTATION} asks`
            : `${member.name} is replaced to follow the changed template`,
      });
    },
  };
}
