/** What must hold after every step, whatever happens: kept apart from the members, from what they say and write. */
import type { CoreStatus, Entry, HardState, Message } from '../../src/raft/core/index.ts';
import type { Disk } from './disk.ts';
import type { LogMirror } from './log-mirror.ts';
import { chained, EMPTY_MACHINE, type Machine } from './machine.ts';

export class Violation extends Error {
  override readonly name = 'Violation';
}

export function check(condition: boolean, text: string | (() => string)): asserts condition {
  if (!condition) throw new Violation(typeof text === 'string' ? text : text());
}

/** What a member shows to the checker. */
export interface Observed {
  readonly id: string;
  /** What its driver was told to write. */
  readonly log: LogMirror;
  readonly disk: Disk;
  /** A snapshot of the leader is being put in force. */
  readonly installing: boolean;
}

interface Seen {
  term: number;
  vote: string | undefined;
  commit: number;
  applied: number;
  role: string;
}

interface Written {
  readonly entry: Entry;
  readonly prevTerm: number;
}

/** Terms stay below this in a run, so that (index, term) fits into one number. */
const TERMS_MAX = 65_536;

export class Checker {
  readonly #members: ReadonlyMap<string, Observed>;
  readonly #leaders = new Map<number, string>();
  readonly #votes = new Map<string, string>();
  /** Every entry ever written, with the term before it. */
  readonly #written = new Map<number, Written>();
  /** Entry i has index i + 2: the founders begin with a snapshot of index 1. */
  readonly #committed: Entry[] = [];
  /** The term of the leader that committed it. */
  readonly #committedIn: number[] = [];
  /** The checksum of the state after each entry. */
  readonly #checksums: number[] = [EMPTY_MACHINE.checksum];
  readonly #seen = new Map<string, Seen>();

  constructor(members: ReadonlyMap<string, Observed>) {
    this.#members = members;
  }

  /** The last index that was ever committed. */
  get frontier(): number {
    return this.#committed.length + 1;
  }

  leaderOf(term: number): string | undefined {
    return this.#leaders.get(term);
  }

  committedAt(index: number): Entry | undefined {
    return this.#committed[index - 2];
  }

  /** A member starts: what is in memory only may begin again, what is on disk may not. */
  started(member: Observed, status: CoreStatus): void {
    const { hardState } = member.disk;
    check(status.term >= hardState.term, `${member.id} starts with an older term than it wrote`);
    this.#seen.set(member.id, { ...hardState, applied: 0, commit: 0, role: 'follower' });
  }

  /** Entries that a member was told to write, one after the other. */
  wrote(member: Observed, entry: Entry): void {
    const { id, log } = member;
    const { index, term } = entry;
    check(index <= log.last + 1, `${id} writes ${index} behind ${log.last}`);
    check(index > log.base, `${id} writes ${index}, which its snapshot covers`);
    const known = this.committedAt(index);
    const replaced = log.at(index);
    check(
      known === undefined || replaced?.term !== known.term || term === known.term,
      () => `${id} overwrites committed entry ${index}`,
    );
    const prevTerm = log.termAt(index - 1) as number;
    check(prevTerm <= term, () => `terms go back in the log of ${id} at ${index}`);
    const key = index * TERMS_MAX + term;
    const before = this.#written.get(key);
    if (before === undefined) this.#written.set(key, { entry, prevTerm });
    else {
      check(
        before.prevTerm === prevTerm && sameEntry(before.entry, entry),
        () => `log matching is broken at ${index}/${term} on ${id}`,
      );
    }
  }

  /** A member's log begins anew after a snapshot. */
  installs(member: Observed, index: number, term: number): void {
    const known = index === 1 ? 1 : this.committedAt(index)?.term;
    check(known === term, () => `${member.id} takes a snapshot of ${index}/${term}, not committed`);
  }

  /** Everything that is looked at after each step of a member. */
  stepped(member: Observed, status: CoreStatus): void {
    const { id } = member;
    const seen = this.#seen.get(id) as Seen;
    const { term, vote, commitIndex, appliedIndex, role } = status;
    check(term >= seen.term, () => `the term of ${id} went back from ${seen.term} to ${term}`);
    if (term === seen.term) {
      check(
        seen.vote === undefined || vote === seen.vote,
        () => `${id} changed its vote in term ${term} from ${seen.vote} to ${vote}`,
      );
    }
    check(commitIndex >= seen.commit, () => `commit of ${id} went back to ${commitIndex}`);
    check(appliedIndex >= seen.applied, () => `applied of ${id} went back to ${appliedIndex}`);
    check(appliedIndex <= commitIndex, () => `${id} applied more than is committed`);
    check(commitIndex <= status.lastIndex, () => `${id} committed what it does not have`);
    const { snapshot, snapshotIndex } = member.disk;
    check(
      status.firstIndex - 1 <= snapshotIndex,
      () => `${id} forgot more than its snapshot holds`,
    );
    check(
      member.installing || snapshot.meta.index <= appliedIndex,
      () => `${id} has a snapshot of what it did not apply`,
    );
    if (role === 'leader') this.#leads(member, status, seen);
    this.#commits(member, status);
    seen.term = term;
    seen.vote = vote;
    seen.commit = commitIndex;
    seen.applied = appliedIndex;
    seen.role = role;
  }

  #leads({ id }: Observed, { term }: CoreStatus, seen: Seen): void {
    const known = this.#leaders.get(term);
    check(
      known === undefined || known === id,
      () => `two leaders in term ${term}: ${known} and ${id}`,
    );
    check(
      known === undefined || (seen.role === 'leader' && seen.term === term),
      () => `${id} leads term ${term} for the second time`,
    );
    this.#leaders.set(term, id);
  }

  /** Called when the driver of a new leader wrote its log, which holds its first entry then. */
  leaderLog({ id, log }: Observed, term: number): void {
    for (let index = Math.max(2, log.base + 1); index <= this.frontier; index++) {
      // A leader may be the last to learn that its term is over: later terms are none of its business.
      if ((this.#committedIn[index - 2] as number) >= term) continue;
      const entry = this.committedAt(index) as Entry;
      check(
        log.termAt(index) === entry.term,
        () => `leader ${id} of term ${term} lacks committed entry ${index}`,
      );
    }
  }

  #commits(member: Observed, status: CoreStatus): void {
    const { id, log } = member;
    for (let index = this.frontier + 1; index <= status.commitIndex; index++) {
      check(status.role === 'leader', () => `${id} knows ${index} committed before any leader`);
      const entry = log.at(index);
      check(entry !== undefined, () => `${id} commits ${index} before it was written or sent`);
      const { voters, votersOutgoing } = status.configuration;
      for (const half of [voters, votersOutgoing]) {
        const holders = half.filter(
          (voter) => this.#members.get(voter)?.disk.holds(index, entry.term) === true,
        );
        check(
          holders.length * 2 > half.length || half.length === 0,
          () => `${id} commits ${index}, on the disks of ${holders.join(' ')} of ${half.join(' ')}`,
        );
      }
      this.#committed.push(entry);
      this.#committedIn.push(status.term);
    }
  }

  /** What a member says must be true on its disk already. */
  said(member: Observed, message: Message): void {
    const { id, disk } = member;
    if (message.type === 'vote-response' && message.granted && !message.preVote) {
      const { term, vote } = disk.hardState;
      check(
        term > message.term || (term === message.term && vote === message.to),
        () => `${id} granted a vote that is not on its disk`,
      );
      const key = `${id}/${message.term}`;
      const other = this.#votes.get(key) ?? message.to;
      check(
        other === message.to,
        () => `${id} voted for ${other} and ${message.to} in term ${message.term}`,
      );
      this.#votes.set(key, message.to);
    }
    if (message.type === 'append-response' && !message.rejected) {
      const last = Math.max(disk.log.last, disk.snapshot.meta.index);
      const { index, term } = message;
      // What was written since for a later leader may have replaced it.
      check(
        index <= last || disk.hardState.term > term,
        () => `${id} acknowledged ${index}, its disk ends at ${last}`,
      );
    }
  }

  /** A term or vote reached a disk. */
  persisted(id: string, before: HardState, after: HardState): void {
    check(after.term >= before.term, () => `${id} wrote an older term`);
    if (after.term !== before.term || before.vote === undefined) return;
    check(after.vote === before.vote, () => `${id} wrote another vote for term ${after.term}`);
  }

  /** An entry was applied on a member; its state must be that of every other one there. */
  applied(member: Observed, entry: Entry, machine: Machine, serial: number): void {
    const { id, disk } = member;
    const { index, term } = entry;
    const committed = this.committedAt(index);
    check(
      committed !== undefined && sameEntry(committed, entry),
      () => `${id} applied ${index}/${term}, which is not what is committed`,
    );
    check(disk.holds(index, term), () => `${id} applied ${index} before it was durable there`);
    if (this.#checksums.length < index) {
      this.#checksums.push(chained(this.#checksums[index - 2] as number, entry, serial));
    }
    this.state(id, machine);
  }

  /** The state of a member is what the committed entries make of it. */
  state(id: string, { index, checksum }: Machine): void {
    const expected = this.#checksums[index - 1];
    check(checksum === expected, () => `the state of ${id} at ${index} is another one`);
  }
}

function sameEntry(a: Entry, b: Entry): boolean {
  if (a === b) return true;
  if (a.term !== b.term || a.kind !== b.kind || a.data.length !== b.data.length) return false;
  return a.data === b.data || Buffer.compare(a.data, b.data) === 0;
}
