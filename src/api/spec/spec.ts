/** The schema of a McpCluster's `spec`: the one source of its TypeScript type, its CRD and `kubectl explain`. */
import type { Schema } from '../schema.ts';
import { CONSENSUS, GOSSIP } from './agreement.ts';
import { BULKHEADS } from './admission.ts';
import { BACKUP, BOOTSTRAP, BOOTSTRAP_RULE } from './backup.ts';
import { FENCED_MEMBERS } from './fenced-members.ts';
import { GATEWAY } from './gateway.ts';
import { LOAD_BALANCING } from './load-balancing.ts';
import { NETWORK_POLICY } from './network-policy.ts';
import { INHERITED_METADATA, POD_TEMPLATE, STORAGE } from './pods.ts';
import { RECOVERY } from './recovery.ts';
import { SERVER } from './server.ts';
import { SESSIONS } from './sessions.ts';
import { TLS } from './tls.ts';
import { UPDATE } from './update.ts';

export const SPEC_SCHEMA = {
  type: 'object',
  description: 'The cluster as it should be.',
  required: ['server'],
  properties: {
    replicas: {
      type: 'integer',
      format: 'int32',
      description: 'Pods of the cluster.',
      default: 3,
      minimum: 1,
      maximum: 99,
    },
    voters: {
      type: 'integer',
      format: 'int32',
      enum: [1, 3, 5, 7],
      description:
        'Pods that vote in Raft; the others follow as learners. By default the largest odd number that is at most replicas and at most 5.',
    },
    server: SERVER,
    gateway: GATEWAY,
    sessions: SESSIONS,
    loadBalancing: LOAD_BALANCING,
    bulkheads: BULKHEADS,
    networkPolicy: NETWORK_POLICY,
    consensus: CONSENSUS,
    gossip: GOSSIP,
    storage: STORAGE,
    tls: TLS,
    podTemplate: POD_TEMPLATE,
    inheritedMetadata: INHERITED_METADATA,
    bootstrap: BOOTSTRAP,
    backup: BACKUP,
    recovery: RECOVERY,
    update: UPDATE,
    fencedMembers: FENCED_MEMBERS,
    hibernated: {
      type: 'boolean',
      description:
        'While true there are no pods; volumes, certificates and addresses stay, and sessions are there again afterwards.',
      default: false,
    },
    paused: {
      type: 'boolean',
      description: 'While true the operator changes nothing but where clients are sent.',
      default: false,
    },
  },
  'x-kubernetes-validations': [
    {
      rule: '!has(self.voters) || self.voters <= self.replicas',
      message: 'must not exceed replicas',
      messageExpression: `{1: '1 voter needs', 3: '3 voters need', 5: '5 voters need', 7: '7 voters need'}[self.voters] + ' at least as many replicas'`,
      fieldPath: '.voters',
    },
    {
      rule: 'self.server.port != self.gateway.port',
      message: 'must differ from gateway.port: both listen in the same pod',
      fieldPath: '.server.port',
    },
    BOOTSTRAP_RULE,
  ],
} as const satisfies Schema;
