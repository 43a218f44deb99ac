/** What the life of a cluster on a real API server guarantees, beside what `operator.ts` says of each part. */
import type { Requirement } from './requirement.ts';

export const lifeCycle = {
  'life-cycle.deleted-pod': {
    sentence:
      'kubectl delete pod of the leader that owns a busy session: no call is lost, and none even notices, not one that runs for seconds',
    source: 'feature bar 7; issue 6: draining pods leave before they stop',
  },
  'life-cycle.evicted-pod': {
    sentence:
      'A pod is evicted, as by kubectl drain, while it owns a busy session: no call is lost, and none even notices',
    source: 'feature bar 16; issue 6: node drain tested',
  },
  'api.scale': {
    sentence:
      'The scale subresource reads and writes the number of pods, and tells how to find them',
    source: 'feature bar 1; Kubernetes, custom resources: scale subresource',
  },
  'api.live-for-people': {
    sentence: 'kubectl get, describe, logs and wait say of a live cluster what people ask them',
    source: 'feature bar 1 and 2',
  },
  'operator.leader-in-status': {
    sentence: 'The status tells who leads, and since when',
    source: 'feature bar 3; cloudnative-pg: currentPrimary and its timestamp',
  },
  'operator.adopts-orphans': {
    sentence: 'An object of ours that lost its owner is taken over again, and nobody else’s',
    source: 'feature bar 4',
  },
  'operator.pod-template': {
    sentence: 'What the pod template of the spec adds is in the pods, and our own labels stay',
    source: 'feature bar 5; cloudnative-pg: podPatch',
  },
  'operator.inherited-metadata': {
    sentence:
      'Labels and annotations for objects are on all that the operator makes for the cluster, and go with the spec’s wish without a restart',
    source: 'feature bar 5; cloudnative-pg: inheritedMetadata',
  },
  'operator.restricted-pods': {
    sentence: 'The pods of a cluster are admitted where Pod Security restricted is enforced',
    source: 'feature bar 6; Kubernetes, Pod Security Standards',
  },
  'operator.secrets-return': {
    sentence: 'Secrets that are deleted come back without a pod being touched',
    source: 'feature bar 6 and 21',
  },
  'operator.bad-template': {
    sentence:
      'A template that does not come up stops after one pod, the rule that blocks the others is told, and the old one brings it back',
    source: 'feature bar 7; ECK: upgrade predicates in the status',
  },
  'operator.version-skew': {
    sentence:
      'Sidecars more than one minor version away from a member wait, and the status says for what',
    source: 'feature bar 8; etcd-operator: upgrade path',
  },
  'operator.upgrade': {
    sentence:
      'The operator of the commit before is replaced by the present one and back again under calls: no session is lost, and pods restart only for a changed template',
    source: 'feature bar 8; cloudnative-pg: upgrade of the operator',
  },
  'operator.autoscaling': {
    sentence:
      'A HorizontalPodAutoscaler scales a cluster by its sessions, up and down through /scale, and no session is lost',
    source: 'feature bar 10; issue 6: HPA through /scale with our metric',
  },
  'operator.retention': {
    sentence: 'Volumes outlive a deleted cluster that says so',
    source: 'feature bar 11',
  },
  'operator.paused': {
    sentence: 'A paused cluster is reported on and not changed',
    source: 'feature bar 13',
  },
  'operator.placement': {
    sentence:
      'Pods are spread over zones, two share a node only if they may, and one that finds none is reported',
    source: 'feature bar 16; cloudnative-pg: scheduling',
  },
  'operator.events-counted': {
    sentence: 'What happens again is the same event counted up, under a reason that stays',
    source: 'feature bar 18',
  },
  'operator.clock-jumps': {
    sentence:
      'A clock of the operator that jumps by years and back costs no pod, and leaves no authority behind that nobody accepts',
    source: 'feature bar 21; issue 6: clock jumped',
  },
} as const satisfies Record<string, Requirement>;
