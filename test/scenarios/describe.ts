/** Messages, entries and what a driver has to do, in the words of etcd's interaction traces. */
import {
  decodeConfigChange,
  type ConfigChange,
  type Configuration,
  type Entry,
  type HardState,
  type MemberProgress,
  type Message,
  type Ready,
  type RoleName,
  type SnapshotMeta,
} from '../../src/raft/core/index.ts';

const ROLES: Record<RoleName, string> = {
  follower: 'StateFollower',
  'pre-candidate': 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
};
const STATES: Record<MemberProgress['state'], string> = {
  probe: 'StateProbe',
  replicate: 'StateReplicate',
  snapshot: 'StateSnapshot',
};
const TYPES: Record<Message['type'], string> = {
  append: 'MsgApp',
  'append-response': 'MsgAppResp',
  snapshot: 'MsgSnap',
  'snapshot-response': 'SnapshotResponse',
  heartbeat: 'MsgHeartbeat',
  'heartbeat-response': 'MsgHeartbeatResp',
  'vote-request': 'MsgVote',
  'vote-response': 'MsgVoteResp',
  propose: 'MsgProp',
  'propose-refusal': 'ProposeRefusal',
  'read-index': 'MsgReadIndex',
  'read-index-response': 'MsgReadIndexResp',
  'transfer-leader': 'MsgTransferLeader',
  'timeout-now': 'MsgTimeoutNow',
  removed: 'Removed',
};
const CHANGES = { 'add-voter': 'v', 'add-learner': 'l', remove: 'r' };

export function describeRole(role: RoleName): string {
  return ROLES[role];
}

export function describeType(message: Message): string {
  const asked = 'preVote' in message && message.preVote;
  return asked ? TYPES[message.type].replace('Vote', 'PreVote') : TYPES[message.type];
}

function describeChange(change: ConfigChange | undefined): string {
  if (change === undefined) return ' unreadable';
  return change.changes.map(({ type, id }) => ` ${CHANGES[type]}${id}`).join('');
}

export function describeEntry({ index, term, kind, data }: Entry): string {
  const head = `${term}/${index}`;
  if (kind === 'config')
    return `${head} EntryConfChange${describeChange(decodeConfigChange(data))}`;
  return `${head} EntryNormal ${JSON.stringify(new TextDecoder().decode(data))}`;
}

export function describeEntries(entries: readonly Entry[]): string {
  return entries.length === 0 ? '' : ` Entries:[${entries.map(describeEntry).join(', ')}]`;
}

function describeConfiguration(configuration: Configuration): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  const set = (ids: readonly string[]): string => `[${ids.join(' ')}]`;
  return (
    `Voters:${set(voters)} VotersOutgoing:${set(votersOutgoing)} ` +
    `Learners:${set(learners)} LearnersNext:${set(learnersNext)} AutoLeave:${autoLeave}`
  );
}

export function describeSnapshot({ index, term, configuration }: SnapshotMeta): string {
  return `Index:${index} Term:${term} ConfState:${describeConfiguration(configuration)}`;
}

/** What distinguishes the message, after its envelope. */
function describeBody(message: Message): string {
  const commit = (value: number): string => (value === 0 ? '' : ` Commit:${value}`);
  switch (message.type) {
    case 'append': {
      const { prevTerm, prevIndex, entries } = message;
      return `Log:${prevTerm}/${prevIndex}${commit(message.commit)}${describeEntries(entries)}`;
    }
    case 'append-response':
      if (!message.rejected) return `Log:0/${message.index}`;
      return `Log:${message.hintTerm}/${message.index} Rejected (Hint: ${message.hintIndex})`;
    case 'heartbeat':
      return `Log:0/0${commit(message.commit)}`;
    case 'vote-request':
      return `Log:${message.lastTerm}/${message.lastIndex}`;
    case 'vote-response':
      return message.granted ? 'Log:0/0' : 'Log:0/0 Rejected (Hint: 0)';
    case 'snapshot':
      return `Log:0/0 Snapshot: ${describeSnapshot(message.meta)}`;
    case 'snapshot-response':
      return `Log:0/${message.index}${message.arrived ? '' : ' Failed'}`;
    case 'propose': {
      const entry = { index: 0, term: 0, kind: message.kind };
      return `Log:0/0${describeEntries(message.commands.map((data) => ({ ...entry, data })))}`;
    }
    case 'propose-refusal':
      return `${message.request} ${message.reason}`;
    case 'read-index':
      return message.context;
    case 'read-index-response':
      return `${message.context} Index:${message.index}`;
    case 'removed':
      return `Log:0/${message.index}`;
    case 'heartbeat-response':
    case 'transfer-leader':
    case 'timeout-now':
      break;
  }
  return 'Log:0/0';
}

export function describeMessage(message: Message): string {
  // A proposal of etcd's has no term; ours is only good for the leader of its term.
  const term = message.type === 'propose' ? 0 : message.term;
  const { to } = message;
  // Who is to lead is named as the sender, whoever asked for it.
  const from = message.type === 'transfer-leader' ? message.transferee : message.from;
  return `${from}->${to} ${describeType(message)} Term:${term} ${describeBody(message)}`;
}

/** A write that is under way on its own. */
export function describeWrite(id: string, { hardState, entries, snapshot }: Ready): string {
  const vote = hardState?.vote === undefined ? '' : ` Vote:${hardState.vote}`;
  const state = hardState === undefined ? '' : ` Commit:${hardState.commit}${vote}`;
  const installs = snapshot === undefined ? '' : ` Snapshot: ${describeSnapshot(snapshot)}`;
  const head = `${id}->AppendThread MsgStorageAppend Term:${hardState?.term ?? 0} Log:0/0`;
  return `${head}${state}${describeEntries(entries)}${installs}`;
}

/** Entries that are being applied on their own. */
export function describeApply(id: string, entries: readonly Entry[]): string {
  return `${id}->ApplyThread MsgStorageApply Term:0 Log:0/0${describeEntries(entries)}`;
}

function describeHardState({ term, vote, commit }: HardState): string {
  return `HardState Term:${term}${vote === undefined ? '' : ` Vote:${vote}`} Commit:${commit}`;
}

/** A Ready, and what can be applied with it. */
export function describeReady(
  ready: Ready,
  committed: readonly Entry[],
  messages: readonly string[],
): string[] {
  const { softState, hardState, readStates, entries, snapshot, mustSync } = ready;
  const lines: string[] = [];
  if (softState) lines.push(`Lead:${softState.leaderId ?? 0} State:${ROLES[softState.role]}`);
  if (hardState) lines.push(describeHardState(hardState));
  for (const { context, index } of readStates) lines.push(`ReadState ${context} ${index}`);
  for (const { request, reason } of ready.refusals) lines.push(`Refused ${request} ${reason}`);
  if (entries.length > 0) lines.push('Entries:', ...entries.map(describeEntry));
  if (snapshot) lines.push(`Snapshot ${describeSnapshot(snapshot)}`);
  if (committed.length > 0) lines.push('CommittedEntries:', ...committed.map(describeEntry));
  if (messages.length > 0) lines.push('Messages:', ...messages);
  if (lines.length === 0) return ['<empty Ready>'];
  return [`Ready MustSync=${mustSync}:`, ...lines];
}

export function describeProgress(row: MemberProgress): string {
  const pending = row.pendingSnapshot === undefined ? '' : ` pendingSnap=${row.pendingSnapshot}`;
  const inflight = row.inflight === 0 ? '' : ` inflight=${row.inflight}`;
  return (
    `${row.id}: ${STATES[row.state]} match=${row.match} next=${row.next}` +
    `${row.isLearner ? ' learner' : ''}${row.paused ? ' paused' : ''}${pending}` +
    `${row.recentlyActive ? '' : ' inactive'}${inflight}${row.inflight > 0 && row.inflightFull ? '[full]' : ''}`
  );
}
