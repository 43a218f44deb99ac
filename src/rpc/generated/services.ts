/** Generated from /proto by `npm run generate`; do not edit. */
import { loadServices, type RpcService } from '../service.ts';
import descriptor from './descriptor.json' with { type: 'json' };

const service = loadServices(descriptor);

export interface Append {
  prevIndex: number;
  prevTerm: number;
  entries: Uint8Array;
  commit: number;
}
export interface AppendInput {
  readonly prevIndex?: number | undefined;
  readonly prevTerm?: number | undefined;
  readonly entries?: Uint8Array | undefined;
  readonly commit?: number | undefined;
}

export interface AppendResponse {
  rejected: boolean;
  index: number;
  hintIndex: number;
  hintTerm: number;
}
export interface AppendResponseInput {
  readonly rejected?: boolean | undefined;
  readonly index?: number | undefined;
  readonly hintIndex?: number | undefined;
  readonly hintTerm?: number | undefined;
}

export interface ApplyConfigRequest {
  generation: number;
  config: string;
}
export interface ApplyConfigRequestInput {
  readonly generation?: number | undefined;
  readonly config?: string | undefined;
}

export interface ApplyConfigResponse {
  revision: number;
}
export interface ApplyConfigResponseInput {
  readonly revision?: number | undefined;
}

export interface BackendStatus {
  ready: boolean;
  problem: string;
  toolsKnown: boolean;
  tools: string[];
}
export interface BackendStatusInput {
  readonly ready?: boolean | undefined;
  readonly problem?: string | undefined;
  readonly toolsKnown?: boolean | undefined;
  readonly tools?: readonly string[] | undefined;
}

export interface CertificateStatus {
  expiresAt: number;
  renewalDueAt: number;
  overdue: boolean;
  failure: string;
  failureMessage: string;
}
export interface CertificateStatusInput {
  readonly expiresAt?: number | undefined;
  readonly renewalDueAt?: number | undefined;
  readonly overdue?: boolean | undefined;
  readonly failure?: string | undefined;
  readonly failureMessage?: string | undefined;
}

export interface ChangeMembershipRequest {
  changes: MembershipStep[];
  transition: string;
  expected: Participants | null;
}
export interface ChangeMembershipRequestInput {
  readonly changes?: readonly MembershipStepInput[] | undefined;
  readonly transition?: string | undefined;
  readonly expected?: ParticipantsInput | null | undefined;
}

export interface ChangeMembershipResponse {
  voters: string[];
  votersOutgoing: string[];
  learners: string[];
}
export interface ChangeMembershipResponseInput {
  readonly voters?: readonly string[] | undefined;
  readonly votersOutgoing?: readonly string[] | undefined;
  readonly learners?: readonly string[] | undefined;
}

export interface ClusterEvent {
  at: number;
  kind: string;
  subject: string;
  attributes: Record<string, string>;
}
export interface ClusterEventInput {
  readonly at?: number | undefined;
  readonly kind?: string | undefined;
  readonly subject?: string | undefined;
  readonly attributes?: Record<string, string> | undefined;
}

export interface Configuration {
  voters: string[];
  votersOutgoing: string[];
  learners: string[];
  learnersNext: string[];
  autoLeave: boolean;
}
export interface ConfigurationInput {
  readonly voters?: readonly string[] | undefined;
  readonly votersOutgoing?: readonly string[] | undefined;
  readonly learners?: readonly string[] | undefined;
  readonly learnersNext?: readonly string[] | undefined;
  readonly autoLeave?: boolean | undefined;
}

export interface DrainRequest {
  enabled: boolean;
}
export interface DrainRequestInput {
  readonly enabled?: boolean | undefined;
}

export type DrainResponse = Record<never, never>;
export type DrainResponseInput = Record<never, never>;

export interface EjectedMember {
  id: string;
  reason: string;
}
export interface EjectedMemberInput {
  readonly id?: string | undefined;
  readonly reason?: string | undefined;
}

export type ExportStateRequest = Record<never, never>;
export type ExportStateRequestInput = Record<never, never>;

export interface FetchRequest {
  groupId: string;
  nodeId: string;
  instance: string;
  index: number;
  offset: number;
  limit: number;
}
export interface FetchRequestInput {
  readonly groupId?: string | undefined;
  readonly nodeId?: string | undefined;
  readonly instance?: string | undefined;
  readonly index?: number | undefined;
  readonly offset?: number | undefined;
  readonly limit?: number | undefined;
}

export type GetStatusRequest = Record<never, never>;
export type GetStatusRequestInput = Record<never, never>;

export interface GossipRequest {
  kind: string;
  from: string;
  targetId: string;
  targetAddress: string;
  records: MemberRecord[];
}
export interface GossipRequestInput {
  readonly kind?: string | undefined;
  readonly from?: string | undefined;
  readonly targetId?: string | undefined;
  readonly targetAddress?: string | undefined;
  readonly records?: readonly MemberRecordInput[] | undefined;
}

export interface GossipResponse {
  from: string;
  outcome: string;
  records: MemberRecord[];
}
export interface GossipResponseInput {
  readonly from?: string | undefined;
  readonly outcome?: string | undefined;
  readonly records?: readonly MemberRecordInput[] | undefined;
}

export interface Heartbeat {
  commit: number;
  round: number;
  check: StateCheck | null;
  divergent: boolean;
}
export interface HeartbeatInput {
  readonly commit?: number | undefined;
  readonly round?: number | undefined;
  readonly check?: StateCheckInput | null | undefined;
  readonly divergent?: boolean | undefined;
}

export interface HeartbeatResponse {
  round: number;
  check: StateCheck | null;
}
export interface HeartbeatResponseInput {
  readonly round?: number | undefined;
  readonly check?: StateCheckInput | null | undefined;
}

export interface ImportStateRequest {
  id: string;
  entries: StateEntry[];
  last: boolean;
}
export interface ImportStateRequestInput {
  readonly id?: string | undefined;
  readonly entries?: readonly StateEntryInput[] | undefined;
  readonly last?: boolean | undefined;
}

export interface ImportStateResponse {
  written: number;
}
export interface ImportStateResponseInput {
  readonly written?: number | undefined;
}

export interface KeepAliveRequest {
  lease: number;
}
export interface KeepAliveRequestInput {
  readonly lease?: number | undefined;
}

export interface KeepAliveResponse {
  status: string;
  ttlMs: number;
}
export interface KeepAliveResponseInput {
  readonly status?: string | undefined;
  readonly ttlMs?: number | undefined;
}

export interface ListSessionsRequest {
  limit: number;
  id: string;
}
export interface ListSessionsRequestInput {
  readonly limit?: number | undefined;
  readonly id?: string | undefined;
}

export interface ListSessionsResponse {
  sessions: SessionView[];
}
export interface ListSessionsResponseInput {
  readonly sessions?: readonly SessionViewInput[] | undefined;
}

export interface MatchIndex {
  id: string;
  matchIndex: number;
  state: string;
  recentlyActive: boolean;
  diskId: string;
}
export interface MatchIndexInput {
  readonly id?: string | undefined;
  readonly matchIndex?: number | undefined;
  readonly state?: string | undefined;
  readonly recentlyActive?: boolean | undefined;
  readonly diskId?: string | undefined;
}

export interface MemberProblem {
  code: string;
  message: string;
}
export interface MemberProblemInput {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

export interface MemberRecord {
  id: string;
  address: string;
  state: string;
  incarnation: number;
  version: number;
  load: number;
  meta: Record<string, string>;
}
export interface MemberRecordInput {
  readonly id?: string | undefined;
  readonly address?: string | undefined;
  readonly state?: string | undefined;
  readonly incarnation?: number | undefined;
  readonly version?: number | undefined;
  readonly load?: number | undefined;
  readonly meta?: Record<string, string> | undefined;
}

export interface MemberStatus {
  nodeId: string;
  clusterId: string;
  role: string;
  leaderId: string;
  term: number;
  commitIndex: number;
  appliedIndex: number;
  matchIndexes: MatchIndex[];
  members: MemberView[];
  sessions: number;
  sessionsOwned: number;
  ready: boolean;
  notReadyReason: string;
  configGeneration: number;
  draining: boolean;
  backend: BackendStatus | null;
  instance: string;
  voters: string[];
  votersOutgoing: string[];
  learners: string[];
  snapshotIndex: number;
  firstIndex: number;
  lastIndex: number;
  problems: MemberProblem[];
  ejected: EjectedMember[];
  breakers: OpenBreaker[];
  policyProblems: PolicyProblem[];
  version: string;
  cordon: string;
  diskId: string;
  lastTerm: number;
  recovery: string;
  certificate: CertificateStatus | null;
}
export interface MemberStatusInput {
  readonly nodeId?: string | undefined;
  readonly clusterId?: string | undefined;
  readonly role?: string | undefined;
  readonly leaderId?: string | undefined;
  readonly term?: number | undefined;
  readonly commitIndex?: number | undefined;
  readonly appliedIndex?: number | undefined;
  readonly matchIndexes?: readonly MatchIndexInput[] | undefined;
  readonly members?: readonly MemberViewInput[] | undefined;
  readonly sessions?: number | undefined;
  readonly sessionsOwned?: number | undefined;
  readonly ready?: boolean | undefined;
  readonly notReadyReason?: string | undefined;
  readonly configGeneration?: number | undefined;
  readonly draining?: boolean | undefined;
  readonly backend?: BackendStatusInput | null | undefined;
  readonly instance?: string | undefined;
  readonly voters?: readonly string[] | undefined;
  readonly votersOutgoing?: readonly string[] | undefined;
  readonly learners?: readonly string[] | undefined;
  readonly snapshotIndex?: number | undefined;
  readonly firstIndex?: number | undefined;
  readonly lastIndex?: number | undefined;
  readonly problems?: readonly MemberProblemInput[] | undefined;
  readonly ejected?: readonly EjectedMemberInput[] | undefined;
  readonly breakers?: readonly OpenBreakerInput[] | undefined;
  readonly policyProblems?: readonly PolicyProblemInput[] | undefined;
  readonly version?: string | undefined;
  readonly cordon?: string | undefined;
  readonly diskId?: string | undefined;
  readonly lastTerm?: number | undefined;
  readonly recovery?: string | undefined;
  readonly certificate?: CertificateStatusInput | null | undefined;
}

export interface MemberView {
  id: string;
  state: string;
  incarnation: number;
  load: number;
  address: string;
  leased: boolean;
}
export interface MemberViewInput {
  readonly id?: string | undefined;
  readonly state?: string | undefined;
  readonly incarnation?: number | undefined;
  readonly load?: number | undefined;
  readonly address?: string | undefined;
  readonly leased?: boolean | undefined;
}

export interface MembershipStep {
  type: string;
  id: string;
}
export interface MembershipStepInput {
  readonly type?: string | undefined;
  readonly id?: string | undefined;
}

export interface OpenBreaker {
  id: string;
  tool: string;
  state: string;
}
export interface OpenBreakerInput {
  readonly id?: string | undefined;
  readonly tool?: string | undefined;
  readonly state?: string | undefined;
}

export interface Participants {
  voters: string[];
  votersOutgoing: string[];
  learners: string[];
}
export interface ParticipantsInput {
  readonly voters?: readonly string[] | undefined;
  readonly votersOutgoing?: readonly string[] | undefined;
  readonly learners?: readonly string[] | undefined;
}

export interface PeerAnswer {
  greeting: PeerGreeting | null;
  refusal: PeerRefusal | null;
}
export interface PeerAnswerInput {
  readonly greeting?: PeerGreetingInput | null | undefined;
  readonly refusal?: PeerRefusalInput | null | undefined;
}

export interface PeerBatch {
  greeting: PeerGreeting | null;
  messages: RaftMessage[];
}
export interface PeerBatchInput {
  readonly greeting?: PeerGreetingInput | null | undefined;
  readonly messages?: readonly RaftMessageInput[] | undefined;
}

export interface PeerGreeting {
  nodeId: string;
  instance: string;
  clusterId: string;
  diskId: string;
  protocolVersion: number;
  expects: string;
}
export interface PeerGreetingInput {
  readonly nodeId?: string | undefined;
  readonly instance?: string | undefined;
  readonly clusterId?: string | undefined;
  readonly diskId?: string | undefined;
  readonly protocolVersion?: number | undefined;
  readonly expects?: string | undefined;
}

export interface PeerRefusal {
  code: string;
  detail: string;
}
export interface PeerRefusalInput {
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
}

export interface PolicyProblem {
  field: string;
  sentence: string;
}
export interface PolicyProblemInput {
  readonly field?: string | undefined;
  readonly sentence?: string | undefined;
}

export interface Propose {
  request: number;
  commands: Uint8Array;
  config: boolean;
}
export interface ProposeInput {
  readonly request?: number | undefined;
  readonly commands?: Uint8Array | undefined;
  readonly config?: boolean | undefined;
}

export interface ProposeRefusal {
  request: number;
  reason: string;
}
export interface ProposeRefusalInput {
  readonly request?: number | undefined;
  readonly reason?: string | undefined;
}

export interface RaftMessage {
  groupId: string;
  from: string;
  to: string;
  term: number;
  append?: Append;
  appendResponse?: AppendResponse;
  heartbeat?: Heartbeat;
  heartbeatResponse?: HeartbeatResponse;
  voteRequest?: VoteRequest;
  voteResponse?: VoteResponse;
  propose?: Propose;
  proposeRefusal?: ProposeRefusal;
  readIndex?: ReadIndex;
  readIndexResponse?: ReadIndexResponse;
  snapshot?: Snapshot;
  snapshotResponse?: SnapshotResponse;
  transferLeader?: TransferLeader;
  timeoutNow?: TimeoutNow;
  removed?: Removed;
  body?: 'append' | 'appendResponse' | 'heartbeat' | 'heartbeatResponse' | 'voteRequest' | 'voteResponse' | 'propose' | 'proposeRefusal' | 'readIndex' | 'readIndexResponse' | 'snapshot' | 'snapshotResponse' | 'transferLeader' | 'timeoutNow' | 'removed';
}
export interface RaftMessageInput {
  readonly groupId?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly term?: number | undefined;
  readonly append?: AppendInput | null | undefined;
  readonly appendResponse?: AppendResponseInput | null | undefined;
  readonly heartbeat?: HeartbeatInput | null | undefined;
  readonly heartbeatResponse?: HeartbeatResponseInput | null | undefined;
  readonly voteRequest?: VoteRequestInput | null | undefined;
  readonly voteResponse?: VoteResponseInput | null | undefined;
  readonly propose?: ProposeInput | null | undefined;
  readonly proposeRefusal?: ProposeRefusalInput | null | undefined;
  readonly readIndex?: ReadIndexInput | null | undefined;
  readonly readIndexResponse?: ReadIndexResponseInput | null | undefined;
  readonly snapshot?: SnapshotInput | null | undefined;
  readonly snapshotResponse?: SnapshotResponseInput | null | undefined;
  readonly transferLeader?: TransferLeaderInput | null | undefined;
  readonly timeoutNow?: TimeoutNowInput | null | undefined;
  readonly removed?: RemovedInput | null | undefined;
}

export interface ReadIndex {
  context: string;
}
export interface ReadIndexInput {
  readonly context?: string | undefined;
}

export interface ReadIndexResponse {
  context: string;
  index: number;
}
export interface ReadIndexResponseInput {
  readonly context?: string | undefined;
  readonly index?: number | undefined;
}

export interface Removed {
  index: number;
}
export interface RemovedInput {
  readonly index?: number | undefined;
}

export interface SessionView {
  id: string;
  owner: string;
  epoch: number;
  protocolVersion: string;
  createdAt: number;
  lastSeenAt: number;
}
export interface SessionViewInput {
  readonly id?: string | undefined;
  readonly owner?: string | undefined;
  readonly epoch?: number | undefined;
  readonly protocolVersion?: string | undefined;
  readonly createdAt?: number | undefined;
  readonly lastSeenAt?: number | undefined;
}

export interface Snapshot {
  index: number;
  term: number;
  configuration: Configuration | null;
  bytes: number;
  sha256: string;
}
export interface SnapshotInput {
  readonly index?: number | undefined;
  readonly term?: number | undefined;
  readonly configuration?: ConfigurationInput | null | undefined;
  readonly bytes?: number | undefined;
  readonly sha256?: string | undefined;
}

export interface SnapshotChunk {
  offset: number;
  data: Uint8Array;
}
export interface SnapshotChunkInput {
  readonly offset?: number | undefined;
  readonly data?: Uint8Array | undefined;
}

export interface SnapshotResponse {
  index: number;
  arrived: boolean;
}
export interface SnapshotResponseInput {
  readonly index?: number | undefined;
  readonly arrived?: boolean | undefined;
}

export interface StateCheck {
  index: number;
  checksum: number;
}
export interface StateCheckInput {
  readonly index?: number | undefined;
  readonly checksum?: number | undefined;
}

export interface StateEntry {
  key: string;
  value: string;
}
export interface StateEntryInput {
  readonly key?: string | undefined;
  readonly value?: string | undefined;
}

export interface StatePage {
  revision: number;
  entries: StateEntry[];
}
export interface StatePageInput {
  readonly revision?: number | undefined;
  readonly entries?: readonly StateEntryInput[] | undefined;
}

export type TimeoutNow = Record<never, never>;
export type TimeoutNowInput = Record<never, never>;

export interface TransferLeader {
  transferee: string;
}
export interface TransferLeaderInput {
  readonly transferee?: string | undefined;
}

export interface TransferLeadershipRequest {
  to: string;
}
export interface TransferLeadershipRequestInput {
  readonly to?: string | undefined;
}

export interface TransferLeadershipResponse {
  leaderId: string;
}
export interface TransferLeadershipResponseInput {
  readonly leaderId?: string | undefined;
}

export interface VoteRequest {
  preVote: boolean;
  lastIndex: number;
  lastTerm: number;
  transfer: boolean;
}
export interface VoteRequestInput {
  readonly preVote?: boolean | undefined;
  readonly lastIndex?: number | undefined;
  readonly lastTerm?: number | undefined;
  readonly transfer?: boolean | undefined;
}

export interface VoteResponse {
  preVote: boolean;
  granted: boolean;
  lastIndex: number;
  lastTerm: number;
}
export interface VoteResponseInput {
  readonly preVote?: boolean | undefined;
  readonly granted?: boolean | undefined;
  readonly lastIndex?: number | undefined;
  readonly lastTerm?: number | undefined;
}

export type WatchEventsRequest = Record<never, never>;
export type WatchEventsRequestInput = Record<never, never>;

export type AdminMethods = {
  getStatus: {
    kind: 'unary';
    requestInput: GetStatusRequestInput;
    request: GetStatusRequest;
    responseInput: MemberStatusInput;
    response: MemberStatus;
  };
  listSessions: {
    kind: 'unary';
    requestInput: ListSessionsRequestInput;
    request: ListSessionsRequest;
    responseInput: ListSessionsResponseInput;
    response: ListSessionsResponse;
  };
  applyConfig: {
    kind: 'unary';
    requestInput: ApplyConfigRequestInput;
    request: ApplyConfigRequest;
    responseInput: ApplyConfigResponseInput;
    response: ApplyConfigResponse;
  };
  watchEvents: {
    kind: 'server-stream';
    requestInput: WatchEventsRequestInput;
    request: WatchEventsRequest;
    responseInput: ClusterEventInput;
    response: ClusterEvent;
  };
  changeMembership: {
    kind: 'unary';
    requestInput: ChangeMembershipRequestInput;
    request: ChangeMembershipRequest;
    responseInput: ChangeMembershipResponseInput;
    response: ChangeMembershipResponse;
  };
  transferLeadership: {
    kind: 'unary';
    requestInput: TransferLeadershipRequestInput;
    request: TransferLeadershipRequest;
    responseInput: TransferLeadershipResponseInput;
    response: TransferLeadershipResponse;
  };
  drain: {
    kind: 'unary';
    requestInput: DrainRequestInput;
    request: DrainRequest;
    responseInput: DrainResponseInput;
    response: DrainResponse;
  };
  exportState: {
    kind: 'server-stream';
    requestInput: ExportStateRequestInput;
    request: ExportStateRequest;
    responseInput: StatePageInput;
    response: StatePage;
  };
  importState: {
    kind: 'unary';
    requestInput: ImportStateRequestInput;
    request: ImportStateRequest;
    responseInput: ImportStateResponseInput;
    response: ImportStateResponse;
  };
};

export type GossipMethods = {
  exchange: {
    kind: 'unary';
    requestInput: GossipRequestInput;
    request: GossipRequest;
    responseInput: GossipResponseInput;
    response: GossipResponse;
  };
};

export type LeaseMethods = {
  keepAlive: {
    kind: 'unary';
    requestInput: KeepAliveRequestInput;
    request: KeepAliveRequest;
    responseInput: KeepAliveResponseInput;
    response: KeepAliveResponse;
  };
};

export type RaftPeerMethods = {
  exchange: {
    kind: 'bidi';
    requestInput: PeerBatchInput;
    request: PeerBatch;
    responseInput: PeerAnswerInput;
    response: PeerAnswer;
  };
  fetchSnapshot: {
    kind: 'server-stream';
    requestInput: FetchRequestInput;
    request: FetchRequest;
    responseInput: SnapshotChunkInput;
    response: SnapshotChunk;
  };
};

/** Every service by its name. */
export const services = {
  admin: service('mcpcluster.v1.Admin') as RpcService<AdminMethods>,
  gossip: service('mcpcluster.v1.Gossip') as RpcService<GossipMethods>,
  lease: service('mcpcluster.v1.Lease') as RpcService<LeaseMethods>,
  raftPeer: service('mcpcluster.v1.RaftPeer') as RpcService<RaftPeerMethods>,
};
