/** The schema of a McpCluster's `status`, written by the operator alone. */
import type { Schema } from './schema.ts';

const count = (description: string) =>
  ({ type: 'integer', format: 'int64', description, minimum: 0 }) as const;
const text = (description: string, maxLength = 1024) =>
  ({ type: 'string', description, maxLength }) as const;
const time = (description: string) =>
  ({ type: 'string', format: 'date-time', description }) as const;

export const CONDITION_TYPES = [
  'Available',
  'Progressing',
  'Degraded',
  'QuorumHealthy',
  'Reconciled',
  'BackupHealthy',
  'Restored',
] as const;

const CONDITIONS = {
  type: 'array',
  description:
    'What can be waited for: Available, Progressing, Degraded, QuorumHealthy, Reconciled; BackupHealthy with spec.backup, Restored with spec.bootstrap.restore.',
  maxItems: 16,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
  items: {
    type: 'object',
    required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
    properties: {
      type: text('Name of the condition.', 316),
      status: { type: 'string', enum: ['True', 'False', 'Unknown'], description: 'Its state.' },
      reason: text('One word for programs.'),
      message: text('A sentence for people.', 32_768),
      observedGeneration: count('Generation of the spec it was written for.'),
      lastTransitionTime: time('When the state last changed.'),
    },
  },
} as const satisfies Schema;

const MEMBERS = {
  type: 'array',
  description: 'The pods as members of the cluster.',
  maxItems: 128,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  items: {
    type: 'object',
    required: ['name', 'role', 'ready'],
    properties: {
      name: text('Name of the pod, which is its name in Raft and gossip too.', 253),
      id: text(
        'Its volume, by which the others know it: with another one it is another member.',
        64,
      ),
      membership: {
        type: 'string',
        enum: ['Voter', 'Learner', 'CatchingUp', 'Joining', 'Leaving', 'Lost'],
        description:
          'Its part in Raft: CatchingUp is a learner that will vote, Joining is not let in yet, Leaving goes for good, and Lost has data that nobody may trust.',
      },
      role: {
        type: 'string',
        enum: ['Leader', 'Follower', 'Candidate', 'Learner', 'Unknown'],
        description: 'Its role in Raft.',
      },
      ready: { type: 'boolean', description: 'Whether clients are sent to it.' },
      health: {
        type: 'string',
        enum: ['Alive', 'Suspect', 'Dead', 'Left', 'Unknown'],
        description: 'What the other members think of it.',
      },
      matchIndex: count('Last log entry it is known to hold.'),
      sessions: count('Sessions it owns.'),
      blockedBy: text('The rule that keeps its update waiting.'),
      message: text('What is wrong with it.', 4096),
      version: text('Version of its sidecar.', 64),
      cordon: {
        type: 'string',
        enum: ['Draining', 'Fenced'],
        description: 'Why it takes no sessions although it works; absent when it does.',
      },
    },
  },
} as const satisfies Schema;

export const STATUS_SCHEMA = {
  type: 'object',
  description: 'The cluster as it is.',
  properties: {
    observedGeneration: count('Generation of the spec this status was written for.'),
    phase: {
      type: 'string',
      enum: ['Creating', 'Running', 'Updating', 'Degraded', 'QuorumLost', 'Paused', 'Hibernated'],
      description: 'A word for people; programs read the conditions.',
    },
    replicas: count('Pods that exist.'),
    readyReplicas: count('Pods that clients are sent to.'),
    voters: count('Pods that vote in Raft.'),
    founded: {
      type: 'boolean',
      description: 'The cluster exists: from now on a pod without data joins it.',
    },
    scaledTo: count('Pods that the StatefulSet is asked for; it follows spec.replicas one by one.'),
    releasing: count('Ordinal of the pod that was taken away last, until its volume is seen to.'),
    recovery: {
      type: 'object',
      description: 'The last time that the cluster began again as spec.recovery asks for.',
      required: ['id', 'trustMember', 'phase'],
      properties: {
        id: text('The id of spec.recovery.', 63),
        trustMember: text('Pod whose data count.', 253),
        phase: {
          type: 'string',
          enum: ['Stopping', 'Rebuilding', 'Done', 'Refused'],
          description:
            'How far it is. Done and Refused are the end: another id begins another one.',
        },
        message: text('What it waits for, or why it was refused.', 1024),
      },
    },
    backup: {
      type: 'object',
      description: 'What became of the backups that spec.backup asks for.',
      properties: {
        lastSuccessTime: time('When the last one was complete.'),
        lastFailureTime: time('When one failed last.'),
        lastFailure: text('Why.', 4096),
      },
    },
    restore: {
      type: 'object',
      description: 'How far the restore is that spec.bootstrap asks for.',
      required: ['phase'],
      properties: {
        phase: {
          type: 'string',
          enum: ['Waiting', 'Restoring', 'Failed', 'Done'],
          description: 'Done is the end; the others may still change.',
        },
        message: text('What was restored, what it waits for, or why it failed.', 4096),
      },
    },
    selector: text('Label selector of the pods, for the scale subresource.'),
    endpoint: text('URL of the cluster for clients inside Kubernetes.'),
    leader: text('Pod that leads Raft.', 253),
    targetLeader: text('Pod that is to lead instead; absent when nobody is.', 253),
    leaderSince: {
      type: 'string',
      format: 'date-time',
      description: 'When that pod was first seen to lead this term.',
    },
    term: count('Term of Raft.'),
    commitIndex: count('Last committed entry of the log.'),
    sessions: count('Sessions of all pods.'),
    nextMaintenanceWindow: time(
      'When the next window of maintenance opens; absent while one is open.',
    ),
    members: MEMBERS,
    conditions: CONDITIONS,
  },
} as const satisfies Schema;
