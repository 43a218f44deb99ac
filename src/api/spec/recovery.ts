/** The schema of `spec.recovery`: the last resort after the loss of a majority. */
import type { Schema, ValidationRule } from '../schema.ts';

export const RECOVERY = {
  type: 'object',
  description:
    'Lets a cluster that has lost its majority for good begin again from one pod. All pods stop; what was acknowledged without that pod is lost; the data of the others are thrown away. The operator never does this by itself, and refuses it while there is a majority.',
  required: ['id', 'trustMember'],
  properties: {
    id: {
      type: 'string',
      description: 'Any word; each one is done once, and another one asks for it again.',
      minLength: 1,
      maxLength: 63,
      pattern: '^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$',
    },
    trustMember: {
      type: 'string',
      description:
        'Name of the pod whose data count, such as tools-0: that whose log goes furthest.',
      minLength: 1,
      maxLength: 63,
    },
  },
} as const satisfies Schema;

const recovery = 'self.spec.recovery';
const dash = `${recovery}.trustMember.lastIndexOf('-')`;
const ordinal = `${recovery}.trustMember.substring(${dash} + 1)`;

/** Rules that need the name of the cluster, or what its status says. */
export const RECOVERY_RULES = [
  {
    rule: `!has(${recovery}) || (${dash} > 0 && ${recovery}.trustMember.substring(0, ${dash}) == self.metadata.name && ${ordinal}.matches('^(0|[1-9][0-9]?)$'))`,
    message: 'must name a pod of this cluster: its name, a dash and an ordinal, such as tools-0',
    fieldPath: '.spec.recovery.trustMember',
  },
  // The status is compared with what was asked for before, so that a quorum that comes back meanwhile is no error of the operator's.
  {
    rule: `!has(${recovery}) || (has(oldSelf.spec.recovery) && oldSelf.spec.recovery == ${recovery}) || !has(self.status) || !has(self.status.conditions) || !self.status.conditions.exists(c, c.type == 'QuorumHealthy' && c.status == 'True')`,
    message:
      'is only for a cluster without a majority: this one has one, and nothing is to be recovered',
    fieldPath: '.spec.recovery',
    reason: 'FieldValueForbidden',
  },
] as const satisfies readonly ValidationRule[];
