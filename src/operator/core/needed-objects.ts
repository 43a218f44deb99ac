/** The names that a cluster needs for its objects, and what is said when somebody else has one of them. */
import type { McpCluster } from '../../api/index.ts';
import { objectNames, ownerOf, type ObjectNames } from './names.ts';

/** An object by what it is and what it is called. */
export interface NamedObject {
  readonly kind: NeededKind;
  readonly name: string;
}

export type NeededKind = (typeof KINDS)[keyof ObjectNames];

/** What each name is the name of: a name without its kind does not compile. */
const KINDS = {
  statefulSet: 'StatefulSet',
  clientService: 'Service',
  peerService: 'Service',
  configMap: 'ConfigMap',
  issuerConfigMap: 'ConfigMap',
  authoritySecret: 'Secret',
  trustMap: 'ConfigMap',
  requestStateSecret: 'Secret',
  serviceAccount: 'ServiceAccount',
  disruptionBudget: 'PodDisruptionBudget',
  endpointSlice: 'EndpointSlice',
  networkPolicy: 'NetworkPolicy',
  backupCronJob: 'CronJob',
  backupClaim: 'PersistentVolumeClaim',
  firstBackupJob: 'Job',
  restoreJob: 'Job',
} as const satisfies Record<keyof ObjectNames, string>;

/** Somebody else's object that has a name of ours. */
export interface ForeignFact extends NamedObject {
  /** Who has it, for people. */
  readonly owner: string;
}

/** Every object that a cluster with this spec has by a name of its own choice. */
export function neededObjects({ metadata, spec }: McpCluster): readonly NamedObject[] {
  const isNeeded: Partial<Record<keyof ObjectNames, boolean>> = {
    networkPolicy: spec.networkPolicy.enabled,
    issuerConfigMap: spec.tls.issuerRef !== undefined,
    requestStateSecret: spec.server.requestStateKey !== undefined,
    backupCronJob: spec.backup !== undefined,
    backupClaim: spec.backup?.volume.size !== undefined,
    // It belongs to the CronJob.
    firstBackupJob: false,
    restoreJob: spec.bootstrap !== undefined,
  };
  return (Object.entries(objectNames(metadata.name)) as [keyof ObjectNames, string][])
    .filter(([key]) => isNeeded[key] !== false)
    .flatMap(([key, name]) =>
      // One for each family of addresses.
      (key === 'endpointSlice' ? [`${name}-ipv4`, `${name}-ipv6`] : [name]).map((each) => ({
        kind: KINDS[key],
        name: each,
      })),
    );
}

/** What other clusters of the namespace need, or are about to make, under the same name. */
export function rivals(cluster: McpCluster, others: readonly McpCluster[]): readonly ForeignFact[] {
  const { namespace, name } = cluster.metadata;
  const needed = neededObjects(cluster);
  return others
    .filter(({ metadata }) => metadata.namespace === namespace && metadata.name !== name)
    .flatMap((other) => {
      const { kind, uid } = ownerOf(other);
      const theirs = new Set(neededObjects(other).map(keyOf));
      const owner = `${kind} ${other.metadata.name} (${uid})`;
      return needed.filter((one) => theirs.has(keyOf(one))).map((one) => ({ ...one, owner }));
    });
}

/** The rule, for a refusal and for a condition. */
export function foreignSentence({ kind, name }: { kind: string; name: string }, owner: string) {
  return (
    `metadata.name: ${kind} ${name} belongs to ${owner}, and the objects of a McpCluster are named after it; ` +
    `delete that one, or choose another name, such as my-${name}`
  );
}

const keyOf = ({ kind, name }: NamedObject): string => `${kind}/${name}`;
