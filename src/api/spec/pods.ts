/** The schemas of `spec.storage`, `spec.podTemplate` and `spec.inheritedMetadata`: what pods and objects are given, and where pods run. */
import { group, integer, QUANTITY_PATTERN, type Schema } from '../schema.ts';
import { TOLERATIONS, VOLUMES } from './container.ts';

const labels = (description: string) =>
  ({
    type: 'object',
    description,
    maxProperties: 64,
    additionalProperties: { type: 'string', maxLength: 4096 },
  }) as const;

const retention = (when: string) =>
  ({
    type: 'string',
    enum: ['Delete', 'Retain'],
    default: 'Delete',
    description: `What becomes of volumes when ${when}.`,
  }) as const;

/** The size of a volume: more than nothing, and never less than it was. */
export const volumeSize = (description: string) =>
  ({
    type: 'string',
    description,
    maxLength: 64,
    'x-kubernetes-validations': [
      {
        rule: `self.matches('${QUANTITY_PATTERN}')`,
        message: 'must be a quantity such as 1Gi or 500Mi',
        messageExpression: `'"' + self + '" is not a quantity such as 1Gi or 500Mi'`,
      },
      {
        rule: `!self.matches('${QUANTITY_PATTERN}') || quantity(self).isGreaterThan(quantity('0'))`,
        message: 'must be above 0',
      },
      {
        rule: `!self.matches('${QUANTITY_PATTERN}') || !oldSelf.matches('${QUANTITY_PATTERN}') || quantity(self).compareTo(quantity(oldSelf)) >= 0`,
        message: 'cannot be made smaller: volumes only grow',
        messageExpression: `'cannot be made smaller, from ' + oldSelf + ' to ' + self + ': volumes only grow'`,
      },
    ],
  }) as const;

export const STORAGE = {
  type: 'object',
  description: 'The volume of each pod: the Raft log and the sessions in it.',
  default: {},
  properties: {
    size: {
      ...volumeSize('Size of the volume, a quantity such as 1Gi. It can only grow.'),
      default: '1Gi',
    },
    storageClassName: {
      type: 'string',
      description:
        "Storage class of the volume; the cluster's default when left out. It cannot be changed.",
      maxLength: 253,
    },
    retention: group('Whether volumes stay.', {
      whenDeleted: retention('the McpCluster is deleted'),
      whenScaled: retention('pods are taken away for good, as by fewer replicas'),
    }),
  },
  'x-kubernetes-validations': [
    {
      rule: 'has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)',
      message: 'cannot be changed: the volumes exist already',
      fieldPath: '.storageClassName',
      reason: 'FieldValueForbidden',
    },
  ],
} as const satisfies Schema;

export const INHERITED_METADATA = {
  type: 'object',
  description:
    'Added to the objects that are made for the cluster, such as Services; pods have podTemplate.metadata.',
  properties: {
    labels: labels('Labels; those of the operator cannot be replaced.'),
    annotations: labels('Annotations; those of the operator cannot be replaced.'),
  },
} as const satisfies Schema;

export const POD_TEMPLATE = group('Where and how the pods run.', {
  metadata: {
    type: 'object',
    description: 'Added to every pod.',
    properties: {
      labels: labels('Labels; those of the operator cannot be replaced.'),
      annotations: labels('Annotations.'),
    },
  },
  nodeSelector: labels('Labels a node must have.'),
  tolerations: TOLERATIONS,
  antiAffinity: {
    type: 'string',
    enum: ['Preferred', 'Required'],
    default: 'Preferred',
    description: 'Whether two pods of the cluster may share a node when there is no other.',
  },
  topologySpreadConstraints: {
    type: 'array',
    description: 'How evenly pods are spread; by default over zones, as far as there are nodes.',
    maxItems: 8,
    default: [
      {
        maxSkew: 1,
        topologyKey: 'topology.kubernetes.io/zone',
        whenUnsatisfiable: 'ScheduleAnyway',
      },
    ],
    items: {
      type: 'object',
      required: ['topologyKey'],
      properties: {
        maxSkew: {
          type: 'integer',
          format: 'int32',
          description: 'By how many pods two places may differ.',
          default: 1,
          minimum: 1,
          maximum: 99,
        },
        topologyKey: {
          type: 'string',
          description: 'Label of nodes whose values are the places.',
          minLength: 1,
          maxLength: 317,
        },
        whenUnsatisfiable: {
          type: 'string',
          enum: ['ScheduleAnyway', 'DoNotSchedule'],
          default: 'ScheduleAnyway',
          description: 'What happens to a pod for which there is no such place.',
        },
      },
    },
  },
  terminationGracePeriodSeconds: integer(
    'Seconds that a pod has to stop in, before what still runs in it is killed: for handing over its sessions, during which running calls go on for all but ten of these seconds, then for the server, then for the sidecar. ' +
      'A server that is the first process of its container and has no handler of SIGTERM, as most that run on Node, never hears it and takes all of this time.',
    { default: 30, minimum: 5, maximum: 3_600 },
  ),
  imagePullSecrets: {
    type: 'array',
    description: 'Secrets for registries.',
    maxItems: 16,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    items: {
      type: 'object',
      required: ['name'],
      properties: {
        name: { type: 'string', description: 'Name of the Secret.', minLength: 1, maxLength: 253 },
      },
    },
  },
  volumes: VOLUMES,
});
