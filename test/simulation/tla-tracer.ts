/**
 * Writes a run in the event schema of etcd's TLA+ trace validation. The core says nothing of its inner steps, so they are
 * read off what it shows between any two of its calls: before a message, after it, and in each Ready.
 */
import {
  decodeConfigChange,
  type ConfigChange,
  type CoreStatus,
  type Entry,
  type Message,
  type Ready,
} from '../../src/raft/core/index.ts';
import type { SimMember } from './member.ts';

const ROLES = {
  follower: 'StateFollower',
  'pre-candidate': 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
} as const;
const TYPES: Readonly<Record<string, readonly [message: string, event: string]>> = {
  append: ['MsgApp', 'AppendEntriesRequest'],
  heartbeat: ['MsgHeartbeat', 'AppendEntriesRequest'],
  'append-response': ['MsgAppResp', 'AppendEntriesResponse'],
  'heartbeat-response': ['MsgHeartbeatResp', 'AppendEntriesResponse'],
  'vote-request': ['MsgVote', 'RequestVoteRequest'],
  'vote-response': ['MsgVoteResp', 'RequestVoteResponse'],
};
const ACTIONS = {
  'add-voter': 'AddNewServer',
  'add-learner': 'AddLearner',
  remove: 'RemoveServer',
} as const;

/** What the trace has said of a member so far. */
interface View {
  term: number;
  vote: string | undefined;
  role: CoreStatus['role'];
  commit: number;
  log: number;
  conf: readonly string[];
  /** Entries up to here have had their event. */
  applied: number;
  /** The configuration and what was applied at the last Ready, which a restart goes back to. */
  durable: { readonly conf: readonly string[]; readonly applied: number };
  /** The specification takes no other change until this one is applied on the leader that proposed it. */
  pendingConf: number;
}

export class Tracer {
  readonly #onLine: (line: string) => void;
  readonly #views = new Map<string, View>();
  #lines = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  started({ id, status, log }: SimMember): void {
    if (status === undefined) return;
    const { term, vote, role, commitIndex: commit, configuration, appliedIndex } = status;
    const first = { conf: configuration.voters, applied: appliedIndex };
    const { conf, applied } = this.#views.get(id)?.durable ?? first;
    const durable = { conf, applied };
    this.#views.set(id, {
      ...{ term, vote, role, commit, conf, applied, durable },
      log: log.last,
      pendingConf: 0,
    });
    this.#emit('InitState', id);
  }

  /** A message is about to be stepped; false when the specification could not follow, as if it were lost. */
  receives({ id, status }: SimMember, message: Message): boolean {
    const type = TYPES[message.type];
    if (status === undefined) return true;
    const { term, vote, leaderId, configuration } = status;
    // What the specification does not know must not move the term.
    if (type === undefined) return message.term <= term;
    if (message.term < term) return false;
    if (message.from !== id && !configuration.voters.includes(message.from)) {
      // The core takes no answer of a stranger; the specification would.
      if (message.type.endsWith('-response')) return false;
    }
    const asksLate = message.type === 'vote-request' && message.term === term;
    if (asksLate && vote === undefined && leaderId !== undefined) return false;
    this.#emit(`Receive${type[1]}`, id, { msg: encode(message) });
    return true;
  }

  /** Called whenever the core may have moved on, and before anything else is done with it. */
  changed(member: SimMember): void {
    const { id, status } = member;
    const view = this.#views.get(id);
    if (status === undefined || view === undefined) return;
    const { role, term, vote, commitIndex } = status;
    const was = view.role;
    const before = view.term;
    view.term = term;
    view.vote = vote;
    view.role = role;
    if (role !== 'leader') view.commit = Math.max(view.commit, commitIndex);
    if (role === 'candidate' && term > before) this.#emit('BecomeCandidate', id);
    if (role === 'leader' && was !== 'leader') this.#emit('BecomeLeader', id);
    if (role === 'follower' && was !== 'follower' && term === before && !this.#wasTold) {
      this.#emit('BecomeFollower', id);
    }
    if (role === 'leader' && commitIndex > view.commit) {
      view.commit = commitIndex;
      this.#emit('Commit', id);
    }
    this.#wasTold = false;
  }

  /** A step down that a message caused needs no event of its own. */
  #wasTold = false;

  stepped({ type }: Message): void {
    this.#wasTold = type === 'append' || type === 'heartbeat';
  }

  ready(member: SimMember, { entries, messages, messagesAfterSync }: Ready): void {
    const { id, status } = member;
    const view = this.#views.get(id);
    if (status === undefined || view === undefined) return;
    this.changed(member);
    const acks = messagesAfterSync.filter(
      ({ to, type }) => to === id && type === 'append-response',
    );
    for (const entry of view.role === 'leader' ? entries : []) {
      this.#proposed(id, view, entry);
      // The specification acknowledges the end of its log: before anything is appended behind it.
      for (const ack of acks) {
        if (ack.type === 'append-response' && ack.index === entry.index) this.#sends(id, ack);
      }
    }
    view.log = status.lastIndex;
    for (const message of [...messages, ...messagesAfterSync]) {
      if (!acks.includes(message)) this.#sends(id, message);
    }
    view.durable = { conf: view.conf, applied: view.applied };
    this.#emit('Ready', id);
  }

  #sends(id: string, message: Message): void {
    const type = TYPES[message.type];
    if (type !== undefined) this.#emit(`Send${type[1]}`, id, { msg: encode(message) });
  }

  #proposed(id: string, view: View, entry: Entry): void {
    const change = entry.kind === 'config' ? decodeConfigChange(entry.data) : undefined;
    if (change === undefined) this.#emit('Replicate', id);
    else {
      const changes = change.changes.map((one) => ({ nid: one.id, action: ACTIONS[one.type] }));
      this.#emit('ChangeConf', id, { prop: { cc: { changes } } });
      view.pendingConf = entry.index;
    }
    view.log = entry.index;
  }

  applied(member: SimMember, entries: readonly Entry[]): void {
    const { id, status } = member;
    const view = this.#views.get(id);
    if (status === undefined || view === undefined) return;
    for (const { index, kind } of entries) {
      if (index <= view.applied) continue;
      view.applied = index;
      if (kind !== 'config') continue;
      const { voters } = status.configuration;
      this.#emit('ApplyConfChange', id, { prop: { cc: { newconf: voters } } });
      view.conf = voters;
      if (view.role === 'leader' && view.pendingConf >= index) view.pendingConf = 0;
    }
    this.changed(member);
  }

  /** True when the specification would take a change from this leader now. */
  takesChange({ id }: SimMember, { changes }: ConfigChange): boolean {
    const view = this.#views.get(id);
    return view?.role === 'leader' && view.pendingConf === 0 && changes.length === 1;
  }

  #emit(name: string, id: string, more: object = {}): void {
    const { term, vote, role, commit, log, conf } = this.#views.get(id) as View;
    this.#lines += 1;
    // The time only has to grow: the lines are sorted by it before they are judged.
    const ts = (1_000_000_000 + this.#lines / 1e6).toFixed(6);
    const state = { term, vote: vote ?? '0', commit };
    const event = { name, nid: id, state, role: ROLES[role], log, conf: [conf, []], ...more };
    this.#onLine(
      `{"level":"debug","ts":${ts},"msg":"trace","tag":"trace","event":${JSON.stringify(event)}}`,
    );
  }
}

function encode(message: Message): object {
  const { type, term, from, to } = message;
  const empty = { entries: 0, logTerm: 0, index: 0, commit: 0, vote: '0', reject: false };
  const head = { type: TYPES[type]?.[0], term, from, to, ...empty, rejectHint: 0 };
  if (type === 'append') {
    const { prevIndex: index, prevTerm: logTerm, entries, commit } = message;
    return { ...head, entries: entries.length, logTerm, index, commit };
  }
  if (type === 'heartbeat') return { ...head, commit: message.commit };
  if (type === 'append-response') {
    const { rejected: reject, index } = message;
    return { ...head, index, reject, rejectHint: reject ? message.hintIndex : 0 };
  }
  if (type === 'vote-request') {
    return { ...head, index: message.lastIndex, logTerm: message.lastTerm };
  }
  if (type === 'vote-response') return { ...head, reject: !message.granted };
  return head;
}
