/** What the admin service is told about this member; every answer comes from memory. */
import { isDeepStrictEqual } from 'node:util';
import type { AdminMember, MembershipRequest, Participants } from '../admin/index.ts';
import type { Gateway } from '../gateway/index.ts';
import type { Membership } from '../gossip/index.ts';
import type { Configuration, RaftErrorCode, RaftNode, RaftStatus } from '../raft/index.ts';
import { RpcError, type RpcErrorCode } from '../rpc/index.ts';
import type { SessionRecord, Sessions } from '../sessions/index.ts';
import type { StoreNode } from '../store/index.ts';
import { VERSION } from '../std/index.ts';
import type { Cordon } from './cordon.ts';
import type { EventHub } from './events.ts';
import type { Readiness } from './health.ts';
import type { Renewal } from './identity/renewal.ts';
import type { MemberProblem } from './member-problems.ts';
import { MEMBERS_PREFIX } from './ownership.ts';
import type { MemberPlan } from './plan.ts';
import type { ReplicatedConfig } from './replicated-config.ts';
import { createStateCopy } from './state-copy.ts';

export interface AdminMemberOptions {
  readonly plan: MemberPlan;
  readonly instance: string;
  readonly parts: {
    readonly raft: RaftNode;
    readonly membership: Membership;
    readonly sessions: Sessions;
    readonly config: ReplicatedConfig;
    readonly gateway: Gateway | undefined;
    readonly store: Pick<StoreNode, 'get' | 'range' | 'txn'> & {
      readonly local: Pick<StoreNode['local'], 'get'>;
    };
    problems(): readonly MemberProblem[];
  };
  readonly events: EventHub;
  readonly readiness: () => Readiness;
  readonly isDraining: () => boolean;
  readonly cordon: Pick<Cordon, 'reason' | 'ask'>;
}

export function createAdminMember(options: AdminMemberOptions): AdminMember {
  const { plan, parts, events } = options;
  const { config } = parts;
  const { directory } = parts.sessions;
  let backendProblem = 'not probed yet';
  parts.gateway?.onBackendChange((ready, detail) => (backendProblem = ready ? '' : detail));
  return {
    status() {
      const { ready, reason } = options.readiness();
      return {
        nodeId: plan.id,
        clusterId: plan.clusterId,
        ...logOf(parts.raft.status()),
        recovery: plan.recovery?.id ?? '',
        problems: parts.problems(),
        certificate: certificateOf(plan.tls.renewal?.()),
        members: membersOf(parts),
        sessions: directory.size,
        sessionsOwned: directory.counts().get(plan.id) ?? 0,
        ready,
        notReadyReason: reason,
        configGeneration: config.generation(),
        draining: options.isDraining(),
        backend: {
          ready: parts.gateway?.backendReady() ?? false,
          problem: backendProblem,
          ...toolsOf(parts.gateway),
        },
        ...unwell(parts.gateway),
        instance: options.instance,
        version: VERSION,
        cordon: options.cordon.reason(),
      };
    },
    sessions(limit, id) {
      if (parts.raft.status().divergent) {
        throw new RpcError('failed-precondition', "this member's state differs from the majority");
      }
      if (id === undefined) return directory.list().slice(0, limit).map(viewOf);
      const record = directory.local(id);
      return record === undefined ? [] : [viewOf(record)];
    },
    applyConfig: (generation, text, signal) => config.apply(generation, text, signal),
    changeMembership: (request, signal) =>
      explained(async () => {
        requireExpected(request.expected, participants(parts.raft.status().configuration));
        await parts.raft.changeMembership(request, signal);
        return participants(parts.raft.status().configuration);
      }),
    transferLeadership: (to, signal) =>
      explained(async () => {
        await parts.raft.transferLeadership(to, signal);
        return parts.raft.status().leaderId ?? '';
      }),
    drain: (enabled) => options.cordon.ask(enabled),
    ...createStateCopy(parts.store),
    onEvent: (listener) => events.onEvent(listener),
  };
}

function membersOf({ membership, store }: AdminMemberOptions['parts']) {
  const isLeased = (id: string): boolean => store.local.get(`${MEMBERS_PREFIX}${id}`) !== undefined;
  return membership.members().map((member) => ({ ...member, leased: isLeased(member.id) }));
}

/** Its part in the agreed log. */
function logOf(raft: RaftStatus) {
  const { role, leaderId = '', term, commitIndex, appliedIndex, progress = [], diskId } = raft;
  const { snapshotIndex, firstIndex, lastIndex, lastTerm, configuration } = raft;
  return {
    ...{ role, leaderId, term, commitIndex, appliedIndex, matchIndexes: progress, diskId },
    ...{ snapshotIndex, firstIndex, lastIndex, lastTerm },
    ...participants(configuration),
  };
}

function certificateOf(renewal: Renewal | undefined) {
  if (renewal === undefined) return null;
  const { expiresAt, dueAt: renewalDueAt, overdue, failure } = renewal;
  const { code = '', message = '' } = failure ?? {};
  return { expiresAt, renewalDueAt, overdue, failure: code, failureMessage: message };
}

function toolsOf(gateway: Gateway | undefined) {
  const tools = gateway?.status().tools;
  return tools === undefined ? {} : { toolsKnown: true, tools };
}

/** What the gateway holds against members, and against what it was told to do. */
function unwell(gateway: Gateway | undefined) {
  if (gateway === undefined) return {};
  const { ejected, breakers, policyProblems } = gateway.status();
  return {
    policyProblems,
    ejected: ejected.map(({ node: id, reason }) => ({ id, reason })),
    breakers: breakers.map(({ node: id, tool = '', state }) => ({ id, tool, state })),
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

function participants(configuration: Configuration): Participants {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  return { voters, votersOutgoing, learners: [...learners, ...learnersNext].sort() };
}

/** Whoever decided on other facts than those of now may undo what somebody else has done meanwhile. */
function requireExpected(expected: MembershipRequest['expected'], now: Participants): void {
  if (expected === undefined) return;
  const { voters, votersOutgoing, learners } = expected;
  const isSame = isDeepStrictEqual({ voters, votersOutgoing, learners }, now);
  if (!isSame) throw new RpcError('aborted', 'expected: others take part by now; decide anew');
}

/** What a caller can do about a log's refusal, in the words of gRPC. */
const RPC_CODES: Readonly<Record<RaftErrorCode, RpcErrorCode>> = {
  'no-leader': 'unavailable',
  'not-leader': 'unavailable',
  stopped: 'unavailable',
  timeout: 'deadline-exceeded',
  overloaded: 'resource-exhausted',
  dropped: 'aborted',
  transferring: 'aborted',
  'term-uncommitted': 'unavailable',
  'change-pending': 'aborted',
  joint: 'failed-precondition',
  'not-joint': 'failed-precondition',
  'not-caught-up': 'failed-precondition',
  removed: 'failed-precondition',
  divergent: 'failed-precondition',
  'invalid-change': 'invalid-argument',
};

async function explained<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const { code, message } = error as { readonly code?: RaftErrorCode } & Error;
    if (code === undefined || !Object.hasOwn(RPC_CODES, code)) throw error;
    throw new RpcError(RPC_CODES[code], `${code}: ${message}`);
  }
}
