/** The variables of etcd's TLA+ specification of Raft, and its invariants. */

export type TlaRole = 'StateFollower' | 'StateCandidate' | 'StateLeader';

export interface TlaEntry {
  readonly term: number;
  /** The voters and learners of a ConfigEntry; undefined for a ValueEntry. */
  readonly config: TlaConfig | undefined;
}

export interface TlaConfig {
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}

/** All that the specification knows of one server. */
export interface Server {
  term: number;
  role: TlaRole;
  vote: string;
  log: readonly TlaEntry[];
  commit: number;
  config: TlaConfig;
  granted: ReadonlySet<string>;
  match: ReadonlyMap<string, number>;
  pendingConf: number;
  durable: { term: number; vote: string; log: number; commit: number; config: TlaConfig };
}

export class TraceError extends Error {
  override readonly name = 'TraceError';
}

export function demand(condition: boolean, text: string): asserts condition {
  if (!condition) throw new TraceError(text);
}

export function persist(server: Server): void {
  const { term, vote, log, commit, config } = server;
  server.durable = { term, vote, log: log.length, commit, config };
}

/** Votes or copies of `members` are a majority of the configuration. */
export function isQuorum({ voters }: TlaConfig, members: ReadonlySet<string>): boolean {
  return [...members].every((id) => voters.includes(id)) && members.size * 2 > voters.length;
}

const sameEntry = (a: TlaEntry | undefined, b: TlaEntry | undefined): boolean =>
  a === b || (a?.term === b?.term && String(a?.config?.voters) === String(b?.config?.voters));

/** True when the first `length` entries of `prefix` begin `log`. */
function begins(prefix: readonly TlaEntry[], length: number, log: readonly TlaEntry[]): boolean {
  if (length > log.length) return false;
  for (let i = 0; i < length; i++) if (!sameEntry(prefix[i], log[i])) return false;
  return true;
}

const lastTerm = (log: readonly TlaEntry[]): number => log.at(-1)?.term ?? 0;

function lastOfTerm(log: readonly TlaEntry[], term: number): number {
  return log.findLastIndex((entry) => entry.term === term) + 1;
}

/** Every invariant that the trace validation names, over all servers. */
export function checkInvariants(servers: ReadonlyMap<string, Server>): void {
  for (const [i, a] of servers) {
    const holders = a.config.voters.filter((id) => {
      const log = servers.get(id)?.log;
      return log !== undefined && begins(a.log, a.commit, log);
    });
    const lacking = a.config.voters.length - holders.length;
    demand(lacking * 2 <= a.config.voters.length, `QuorumLogInv: the committed entries of ${i}`);
    if (a.role === 'StateLeader') {
      demand(a.commit <= a.durable.log, `CommittedIsDurableInv: ${i}`);
    }
    for (const [j, b] of servers) if (i !== j) checkPair(`${i} and ${j}`, a, b);
  }
}

function checkPair(names: string, a: Server, b: Server): void {
  const shorter = Math.min(a.commit, b.commit);
  demand(begins(a.log, shorter, b.log), `LogInv: ${names}`);
  const bothLead = a.role === 'StateLeader' && b.role === 'StateLeader';
  demand(!(bothLead && a.term === b.term), `MoreThanOneLeaderInv: ${names}`);
  if (a.role === 'StateLeader') {
    const most = lastOfTerm(a.log, a.term);
    demand(most >= lastOfTerm(b.log, a.term), `ElectionSafetyInv: ${names}`);
    for (let i = 0; i < b.commit; i++) {
      const entry = b.log[i] as TlaEntry;
      demand(a.term <= entry.term || sameEntry(a.log[i], entry), `LeaderCompletenessInv: ${names}`);
    }
  }
  let same = Math.min(a.log.length, b.log.length);
  while (same > 0 && a.log[same - 1]?.term !== b.log[same - 1]?.term) same -= 1;
  demand(begins(a.log, same, b.log), `LogMatchingInv: ${names}`);
  const [own, other] = [lastTerm(a.log), lastTerm(b.log)];
  if (own > other || (own === other && a.log.length >= b.log.length)) {
    demand(begins(b.log, b.commit, a.log), `MoreUpToDateCorrectInv: ${names}`);
  }
}
