/**
 * Follows a trace through etcd's TLA+ specification of Raft, as its trace validation does: each line must be a step that the
 * specification allows in the state that the lines before led to, and lead to the state that the line shows.
 */
import { unreachable } from '../../src/std/index.ts';
import { receive, type SpecMessage } from './tla-receive.ts';
import {
  checkInvariants,
  demand,
  isQuorum,
  persist,
  TraceError,
  type Server,
} from './tla-state.ts';
import type { TlaConfig, TlaEntry, TlaRole } from './tla-state.ts';

interface Line {
  readonly name: string;
  readonly nid: string;
  readonly state: { readonly term: number; readonly vote: string; readonly commit: number };
  readonly role: TlaRole;
  readonly log: number;
  readonly conf: readonly [readonly string[], readonly string[]];
  readonly msg?: {
    readonly type: string;
    readonly term: number;
    readonly from: string;
    readonly to: string;
    readonly entries: number;
    readonly logTerm: number;
    readonly index: number;
    readonly commit: number;
    readonly reject: boolean;
  };
  readonly prop?: {
    readonly cc?: {
      readonly changes?: readonly { readonly nid: string; readonly action: string }[];
      readonly newconf?: readonly string[];
    };
  };
}

const BOOTSTRAP = ['InitState', 'BecomeFollower', 'ApplyConfChange'];
const SUBTYPES: Readonly<Record<string, 'app' | 'heartbeat' | 'snapshot'>> = {
  MsgApp: 'app',
  MsgAppResp: 'app',
  MsgHeartbeat: 'heartbeat',
  MsgHeartbeatResp: 'heartbeat',
  MsgSnap: 'snapshot',
};

/** Throws a {@link TraceError} at the first line that the specification cannot follow, or that breaks an invariant. */
export function checkTrace(lines: readonly string[]): { readonly steps: number } {
  const events = lines
    .map((line) => JSON.parse(line) as { readonly tag?: string; readonly event: Line })
    .filter(({ tag }) => tag === 'trace')
    .map(({ event }) => event);
  const model = new Model(events);
  let steps = 0;
  for (const [i, event] of events.entries()) {
    try {
      if (model.step(event, i)) steps += 1;
    } catch (error) {
      if (!(error instanceof TraceError)) throw error;
      throw new TraceError(`line ${i + 1}, ${event.name} of ${event.nid}: ${error.message}`);
    }
  }
  return { steps };
}

class Model {
  readonly #servers = new Map<string, Server>();
  /** Lines that only say how a server begins. */
  readonly #beginnings = new Set<number>();
  #pending: SpecMessage[] = [];
  #messages: SpecMessage[] = [];

  constructor(events: readonly Line[]) {
    for (const nid of new Set(events.map((event) => event.nid))) this.#begin(events, nid);
  }

  #begin(events: readonly Line[], nid: string): void {
    let last: Line | undefined;
    for (const [i, event] of events.entries()) {
      if (event.nid !== nid) continue;
      if (!BOOTSTRAP.includes(event.name)) break;
      last = event;
      this.#beginnings.add(i);
    }
    if (last === undefined) return;
    const isChange = last.name === 'ApplyConfChange';
    const voters = (isChange ? last.prop?.cc?.newconf : undefined) ?? last.conf[0];
    const config: TlaConfig = { voters, learners: [] };
    const { term, vote, commit } = last.state;
    const log = Array.from({ length: last.log }, () => ({ term: 1, config }));
    this.#servers.set(nid, {
      ...{ term, vote, role: last.role, log, commit, config },
      granted: new Set(),
      match: new Map(),
      pendingConf: 0,
      durable: { term, vote, log: log.length, commit, config },
    });
  }

  /** False for a line that is no step of its own. */
  step(event: Line, number: number): boolean {
    if (this.#beginnings.has(number)) return false;
    const server = this.#servers.get(event.nid) as Server;
    const before = { ...server };
    const moved = this.#take(event, server);
    if (
      before.log !== server.log ||
      before.commit !== server.commit ||
      before.role !== server.role
    ) {
      checkInvariants(this.#servers);
    }
    return moved;
  }

  #take(event: Line, server: Server): boolean {
    const { name, nid, msg } = event;
    if (name.startsWith('Receive')) {
      this.#receives(event, server);
      return true;
    }
    if (name.startsWith('Send')) return this.#sends(event, server);
    demand(msg === undefined, 'only messages are received and sent');
    switch (name) {
      case 'BecomeCandidate':
        demand(server.role !== 'StateLeader', 'a leader does not time out');
        demand(server.config.voters.includes(nid), 'only a voter times out');
        server.role = 'StateCandidate';
        server.term += 1;
        server.vote = nid;
        server.granted = new Set();
        demand(server.term === event.state.term, `its term is ${server.term}`);
        return true;
      case 'BecomeLeader':
        demand(server.role === 'StateCandidate', 'only a candidate becomes leader');
        demand(isQuorum(server.config, server.granted), 'it has no majority of votes');
        server.role = 'StateLeader';
        server.match = new Map([[nid, server.log.length]]);
        break;
      case 'Replicate':
        this.#appends(server, undefined);
        return true;
      case 'ChangeConf':
        this.#changes(event, server);
        return true;
      case 'Commit':
        commits(server);
        break;
      case 'ApplyConfChange':
        applies(server);
        return true;
      case 'Ready':
        persist(server);
        this.#messages.push(...this.#pending.filter(({ from }) => from === nid));
        this.#pending = this.#pending.filter(({ from }) => from !== nid);
        return true;
      case 'InitState':
        this.#restarts(nid, server);
        break;
      case 'BecomeFollower':
        if (server.role === 'StateFollower' || event.state.term !== server.term) return false;
        server.role = 'StateFollower';
        break;
      default:
        throw new TraceError('there is no such event');
    }
    shows(server, event);
    return true;
  }

  #appends(server: Server, config: TlaConfig | undefined): void {
    demand(server.role === 'StateLeader', 'only a leader appends');
    server.log = [...server.log, { term: server.term, config }];
  }

  #changes({ prop }: Line, server: Server): void {
    const [change] = prop?.cc?.changes ?? [];
    demand(change !== undefined && prop?.cc?.changes?.length === 1, 'one change at a time');
    const { nid, action } = change;
    if (server.pendingConf !== 0) return this.#appends(server, undefined);
    const { voters, learners } = server.config;
    const isIn = voters.includes(nid);
    demand(action === 'RemoveServer' || !isIn, `${nid} is a voter already`);
    const without = {
      voters: voters.filter((id) => id !== nid),
      learners: learners.filter((id) => id !== nid),
    };
    if (action === 'AddNewServer') this.#appends(server, { voters: [...voters, nid], learners });
    else if (action === 'AddLearner')
      this.#appends(server, { voters, learners: [...learners, nid] });
    else this.#appends(server, without);
    server.pendingConf = server.log.length;
  }

  #restarts(nid: string, server: Server): void {
    const { durable } = server;
    Object.assign(server, {
      ...{ role: 'StateFollower', granted: new Set(), match: new Map(), pendingConf: 0 },
      ...{ term: durable.term, vote: durable.vote, commit: durable.commit, config: durable.config },
      log: server.log.slice(0, durable.log),
    });
    this.#pending = this.#pending.filter(({ from }) => from !== nid);
  }

  #receives(event: Line, server: Server): void {
    const { msg } = event;
    demand(msg !== undefined, 'it names no message');
    shows(server, event);
    const at = this.#messages.findIndex((message) => isShown(message, msg));
    demand(at >= 0, `no such message of ${msg.from} is under way`);
    const [message] = this.#messages.splice(at, 1) as [SpecMessage];
    const reply = receive(event.nid, server, message);
    if (reply !== undefined) this.#pending.push(reply);
  }

  /** What a follower answers is a part of its receiving; only what is sent unasked is a step. */
  #sends(event: Line, server: Server): boolean {
    const { nid, msg } = event;
    demand(msg !== undefined, 'it names no message');
    const own = msg.from === msg.to;
    if (msg.type.endsWith('Resp') && !own) return false;
    const message = own ? this.#toSelf(nid, server, msg.type) : this.#request(server, msg);
    demand(
      isShown(message, msg),
      `it would be ${JSON.stringify({ ...message, content: undefined })}`,
    );
    this.#pending.push(message);
    shows(server, event);
    return true;
  }

  #toSelf(nid: string, server: Server, type: string): SpecMessage {
    const head = { from: nid, to: nid, term: server.term };
    if (type === 'MsgVoteResp') {
      demand(server.role === 'StateCandidate', 'only a candidate votes for itself');
      return { ...head, type: 'vote-response', granted: true };
    }
    demand(server.role === 'StateLeader', 'only a leader acknowledges itself');
    return { ...head, type: 'response', subtype: 'app', success: true, match: server.log.length };
  }

  #request(server: Server, msg: NonNullable<Line['msg']>): SpecMessage {
    const { from, to, type, index, entries } = msg;
    const { term, log, config, commit } = server;
    demand(config.voters.includes(to) || config.learners.includes(to), `${to} takes no part`);
    const head = { from, to, term };
    if (type === 'MsgVote') {
      demand(server.role === 'StateCandidate', 'only a candidate asks for votes');
      const lastTerm = log.at(-1)?.term ?? 0;
      return { ...head, type: 'vote-request', lastIndex: log.length, lastTerm };
    }
    demand(server.role === 'StateLeader', 'only a leader sends this');
    const subtype = SUBTYPES[type] as 'app' | 'heartbeat' | 'snapshot';
    const known = server.match.get(to) ?? 0;
    if (subtype === 'heartbeat') {
      const told = Math.min(commit, known);
      return {
        ...head,
        type: 'append',
        subtype,
        prevIndex: 0,
        prevTerm: 0,
        content: [],
        commit: told,
      };
    }
    const prevIndex = subtype === 'snapshot' ? 0 : index;
    demand(subtype === 'snapshot' || prevIndex >= known, 'it has these entries already');
    const content: readonly TlaEntry[] = log.slice(prevIndex, prevIndex + entries);
    const last = prevIndex + content.length;
    const prevTerm = log[prevIndex - 1]?.term ?? 0;
    return {
      ...head,
      type: 'append',
      subtype,
      prevIndex,
      prevTerm,
      content,
      commit: Math.min(commit, last),
    };
  }
}

/** The largest index that a majority has, if it is of the leader's own term. */
function commits(server: Server): void {
  demand(server.role === 'StateLeader', 'only a leader commits');
  for (let index = server.log.length; index > server.commit; index--) {
    const agreeing = server.config.voters.filter((id) => (server.match.get(id) ?? 0) >= index);
    if (agreeing.length * 2 <= server.config.voters.length) continue;
    if (server.log[index - 1]?.term === server.term) server.commit = index;
    return;
  }
}

function applies(server: Server): void {
  const index = server.log
    .slice(0, server.commit)
    .findLastIndex(({ config }) => config !== undefined);
  demand(index >= 0, 'no change is committed');
  server.config = server.log[index]?.config as TlaConfig;
  if (server.role === 'StateLeader' && server.pendingConf > index) server.pendingConf = 0;
}

/** The state of a server is what the line says. */
function shows(server: Server, { state, role, log, conf }: Line): void {
  const ours = [server.term, server.role, server.vote, server.log.length, server.commit];
  const theirs = [state.term, role, state.vote, log, state.commit];
  demand(String(ours) === String(theirs), `the state is ${String(ours)}, not ${String(theirs)}`);
  const voters = [...server.config.voters].sort();
  demand(
    String(voters) === String([...conf[0]].sort()) && conf[1].length === 0,
    `the configuration is ${voters.join(' ')}, not ${conf[0].join(' ')}`,
  );
}

function isShown(message: SpecMessage, msg: NonNullable<Line['msg']>): boolean {
  if (message.from !== msg.from || message.to !== msg.to || message.term !== msg.term) return false;
  const isAnswer = msg.type.endsWith('Resp');
  switch (message.type) {
    case 'vote-request':
      if (msg.type !== 'MsgVote' || message.lastIndex !== msg.index) return false;
      return message.lastTerm === msg.logTerm;
    case 'vote-response':
      return msg.type === 'MsgVoteResp' && message.granted === !msg.reject;
    case 'response':
      if (!isAnswer || SUBTYPES[msg.type] !== message.subtype) return false;
      if (message.success !== !msg.reject) return false;
      return !message.success || message.subtype === 'heartbeat' || message.match === msg.index;
    case 'append':
      return !isAnswer && SUBTYPES[msg.type] === message.subtype && isSameAppend(message, msg);
    default:
      return unreachable(message);
  }
}

function isSameAppend(
  { subtype, prevIndex, prevTerm, commit, content }: SpecMessage & { type: 'append' },
  msg: NonNullable<Line['msg']>,
): boolean {
  if (content.length !== msg.entries) return false;
  if (subtype !== 'snapshot' && commit !== msg.commit) return false;
  return subtype === 'heartbeat' || (prevIndex === msg.index && prevTerm === msg.logTerm);
}
