/** How a server of etcd's TLA+ specification takes a message. */
import { demand, type Server, type TlaEntry } from './tla-state.ts';

interface Head {
  readonly from: string;
  readonly to: string;
  readonly term: number;
}
type Subtype = 'app' | 'heartbeat' | 'snapshot';
type Append = Head & {
  readonly type: 'append';
  readonly subtype: Subtype;
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly content: readonly TlaEntry[];
  readonly commit: number;
};
type VoteRequest = Head & {
  readonly type: 'vote-request';
  readonly lastIndex: number;
  readonly lastTerm: number;
};
type Answer =
  | (Head & { readonly type: 'vote-response'; readonly granted: boolean })
  | (Head & {
      readonly type: 'response';
      readonly subtype: Subtype;
      readonly success: boolean;
      readonly match: number;
    });
export type SpecMessage = Append | VoteRequest | Answer;

/** Changes the server as the specification does, and returns what it answers. */
export function receive(id: string, server: Server, message: SpecMessage): SpecMessage | undefined {
  if (message.term > server.term) {
    server.term = message.term;
    server.role = 'StateFollower';
    server.vote = '0';
  }
  switch (message.type) {
    case 'vote-request':
      return receiveVoteRequest(id, server, message);
    case 'append':
      return receiveAppend(id, server, message);
    case 'vote-response':
    case 'response':
      if (message.term === server.term) receiveAnswer(server, message);
  }
  return undefined;
}

function receiveAnswer(server: Server, message: Answer): void {
  if (message.type === 'vote-response') {
    if (message.granted) server.granted = new Set([...server.granted, message.from]);
  } else if (message.success) {
    const match = Math.max(server.match.get(message.from) ?? 0, message.match);
    server.match = new Map([...server.match, [message.from, match]]);
  }
}

function receiveVoteRequest(id: string, server: Server, message: VoteRequest): SpecMessage {
  const { term, log, vote } = server;
  const ownTerm = log.at(-1)?.term ?? 0;
  const { lastTerm, lastIndex } = message;
  const isUpToDate = lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= log.length);
  const granted = message.term === term && isUpToDate && (vote === '0' || vote === message.from);
  if (granted) server.vote = message.from;
  return { type: 'vote-response', from: id, to: message.from, term, granted };
}

function receiveAppend(id: string, server: Server, message: Append): SpecMessage {
  const { from: to, prevIndex, prevTerm, content, subtype } = message;
  const { term } = server;
  const head = { type: 'response', from: id, to, term } as const;
  if (message.term === term && server.role === 'StateCandidate') server.role = 'StateFollower';
  const fits = prevIndex === 0 || server.log[prevIndex - 1]?.term === prevTerm;
  if (message.term < term || !fits) return { ...head, subtype: 'app', success: false, match: 0 };
  demand(server.role === 'StateFollower', 'two leaders in one term');
  const last = prevIndex + content.length;
  if (prevIndex < server.commit) {
    if (subtype === 'heartbeat') server.commit = Math.max(server.commit, message.commit);
    return {
      ...head,
      subtype,
      success: true,
      match: subtype === 'heartbeat' ? last : server.commit,
    };
  }
  const isConflict = content.some((entry, i) => {
    const own = server.log[prevIndex + i];
    return own !== undefined && own.term !== entry.term;
  });
  if (isConflict)
    server.log = [...server.log.slice(0, firstConflict(server.log, prevIndex, content))];
  if (last > server.log.length) {
    server.log = [...server.log, ...content.slice(server.log.length - prevIndex)];
  }
  server.commit = Math.max(server.commit, Math.min(message.commit, last));
  return { ...head, subtype, success: true, match: last };
}

/** How many entries stay before the first that differs. */
function firstConflict(
  log: readonly TlaEntry[],
  prevIndex: number,
  content: readonly TlaEntry[],
): number {
  const i = content.findIndex((entry, at) => log[prevIndex + at]?.term !== entry.term);
  return prevIndex + i;
}
