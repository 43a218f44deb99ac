/** What the admin service is told about this member; every answer comes from memory. */
import type { AdminMember } from '../admin/index.ts';
import type { Gateway } from '../gateway/index.ts';
import type { Membership } from '../gossip/index.ts';
import type { RaftNode } from '../raft/index.ts';
import type { SessionRecord, Sessions } from '../sessions/index.ts';
import type { EventHub } from './events.ts';
import type { Readiness } from './health.ts';
import type { MemberPlan } from './plan.ts';
import type { ReplicatedConfig } from './replicated-config.ts';

export interface AdminMemberOptions {
  readonly plan: MemberPlan;
  readonly instance: string;
  readonly parts: {
    readonly raft: RaftNode;
    readonly membership: Membership;
    readonly sessions: Sessions;
    readonly config: ReplicatedConfig;
    readonly gateway: Gateway | undefined;
  };
  readonly events: EventHub;
  readonly readiness: () => Readiness;
  readonly isDraining: () => boolean;
}

export function createAdminMember(options: AdminMemberOptions): AdminMember {
  const { plan, parts, events } = options;
  const { config } = parts;
  const { directory } = parts.sessions;
  let backendProblem = 'not probed yet';
  parts.gateway?.onBackendChange((ready, detail) => (backendProblem = ready ? '' : detail));
  return {
    status() {
      const raft = parts.raft.status();
      const { ready, reason } = options.readiness();
      return {
        nodeId: plan.id,
        clusterId: plan.clusterId,
        role: raft.role,
        leaderId: raft.leaderId ?? '',
        term: raft.term,
        commitIndex: raft.commitIndex,
        appliedIndex: raft.appliedIndex,
        matchIndexes: raft.progress ?? [],
        members: parts.membership.members(),
        sessions: directory.size,
        sessionsOwned: directory.counts().get(plan.id) ?? 0,
        ready,
        notReadyReason: reason,
        configGeneration: config.generation(),
        draining: options.isDraining(),
        backend: { ready: parts.gateway?.backendReady() ?? false, problem: backendProblem },
        instance: options.instance,
        voters: raft.voters,
      };
    },
    sessions(limit, id) {
      if (id === undefined) return directory.list().slice(0, limit).map(viewOf);
      const record = directory.local(id);
      return record === undefined ? [] : [viewOf(record)];
    },
    applyConfig: (generation, text, signal) => config.apply(generation, text, signal),
    onEvent: (listener) => events.onEvent(listener),
  };
}

function viewOf(record: SessionRecord) {
  return {
    id: record.id,
    owner: record.owner.node,
    epoch: record.epoch,
    protocolVersion: record.protocolVersion,
    createdAt: record.createdAt,
    lastSeenAt: record.lastSeenAt,
  };
}
