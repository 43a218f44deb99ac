/** What must hold after every step, whatever happens: kept apart from the members, from what they say and write. */
import type { Entry, Message } from '../../src/raft/core/index.ts';

export class Violation extends Error {
  override readonly name = 'Violation';
}

function check(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Violation(text);
}

/** What a member shows to the checker. */
export interface Observed {
  readonly id: string;
  readonly term: number;
  readonly isLeader: boolean;
  readonly commit: number;
  /** The log in memory; entry i has index i + 1. */
  readonly log: readonly Entry[];
  /** What is on its disk. */
  readonly durable: {
    readonly term: number;
    readonly vote: string | undefined;
    readonly log: readonly Entry[];
  };
}

const textOf = (entry: Entry): string => Buffer.from(entry.data).toString('latin1');

export class Checker {
  readonly #leaders = new Map<number, string>();
  readonly #votes = new Map<string, string>();
  /** (index, term) of every entry ever written, with its data and the term before it. */
  readonly #written = new Map<string, { readonly data: string; readonly prevTerm: number }>();
  readonly #committed: Entry[] = [];
  /** The term in which entry i + 1 was committed. */
  readonly #committedIn: number[] = [];
  readonly #seen = new Map<string, { term: number; commit: number }>();
  readonly #indexes = new Map<string, number>();
  /** Highest index of an entry whose proposer was told. */
  acknowledged = 0;

  get committed(): readonly Entry[] {
    return this.#committed;
  }

  /** A member lost its memory: what it says may start again from what is on its disk. */
  restarted(member: Observed): void {
    this.#seen.set(member.id, { term: member.durable.term, commit: 0 });
  }

  /** Entries that a member wrote, right after it changed its log. */
  wrote(member: Observed, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const prevTerm = member.log[entry.index - 2]?.term ?? 0;
      const key = `${entry.index}/${entry.term}`;
      const known = this.#written.get(key);
      const data = textOf(entry);
      if (known === undefined) this.#written.set(key, { data, prevTerm });
      else {
        check(
          known.data === data && known.prevTerm === prevTerm,
          `log matching broken at ${key} on ${member.id}`,
        );
      }
      check(prevTerm <= entry.term, `terms go back in the log of ${member.id} at ${key}`);
    }
  }

  /** Everything that is looked at after each step of a member. */
  stepped(member: Observed, voters: readonly Observed[]): void {
    const before = this.#seen.get(member.id) ?? { term: 0, commit: 0 };
    check(member.term >= before.term, `the term of ${member.id} went back`);
    check(member.commit >= before.commit, `the commit index of ${member.id} went back`);
    check(member.commit <= member.log.length, `${member.id} committed what it does not have`);
    if (member.isLeader) this.#leads(member);
    for (let index = before.commit + 1; index <= member.commit; index++) {
      this.#commits(member, index, voters);
    }
    this.#seen.set(member.id, { term: member.term, commit: member.commit });
  }

  #leads(member: Observed): void {
    const known = this.#leaders.get(member.term);
    if (known !== undefined) {
      check(known === member.id, `two leaders in term ${member.term}: ${known} and ${member.id}`);
      return;
    }
    this.#leaders.set(member.term, member.id);
    for (const entry of this.#committed) {
      // A leader may be the last to learn that its term is over: later terms are none of its business.
      if ((this.#committedIn[entry.index - 1] as number) >= member.term) continue;
      const own = member.log[entry.index - 1];
      check(
        own?.term === entry.term,
        `leader ${member.id} of term ${member.term} lacks committed entry ${entry.index}`,
      );
    }
  }

  #commits(member: Observed, index: number, voters: readonly Observed[]): void {
    const entry = member.log[index - 1] as Entry;
    const known = this.#committed[index - 1];
    if (known !== undefined) {
      const same = known.term === entry.term && textOf(known) === textOf(entry);
      check(same, `${member.id} committed another entry at ${index}`);
      return;
    }
    check(
      index === this.#committed.length + 1,
      `entry ${index} committed before those ahead of it`,
    );
    const holders = voters.filter(({ durable }) => durable.log[index - 1]?.term === entry.term);
    check(
      holders.length * 2 > voters.length,
      `entry ${index} committed by ${member.id} while only ${holders.length} of ${voters.length} have it on disk`,
    );
    this.#committed.push(entry);
    this.#committedIn.push(member.term);
  }

  /** What a member says must be true on its disk already. */
  said(member: Observed, message: Message): void {
    if (message.type === 'vote-response' && message.granted && !message.preVote) {
      const { term, vote } = member.durable;
      check(
        term === message.term && vote === message.to,
        `${member.id} granted a vote that is not on its disk`,
      );
      const key = `${member.id}/${message.term}`;
      const other = this.#votes.get(key) ?? message.to;
      check(
        other === message.to,
        `${member.id} voted for ${other} and ${message.to} in term ${message.term}`,
      );
      this.#votes.set(key, message.to);
    }
    if (message.type === 'append-response' && !message.rejected) {
      const { log } = member.durable;
      check(
        log.length >= message.index,
        `${member.id} acknowledged ${message.index}, its disk ends at ${log.length}`,
      );
    }
  }

  /** A command was applied on a member. */
  applied(entry: Entry): void {
    const data = textOf(entry);
    const index = this.#indexes.get(data) ?? entry.index;
    check(index === entry.index, `a proposal was applied twice, at ${index} and ${entry.index}`);
    this.#indexes.set(data, entry.index);
    const committed = this.#committed[entry.index - 1];
    check(committed?.term === entry.term, `entry ${entry.index} applied but not committed`);
  }

  acknowledge(index: number): void {
    this.acknowledged = Math.max(this.acknowledged, index);
  }

  read(member: string, floor: number, appliedIndex: number): void {
    check(
      appliedIndex >= floor,
      `a read on ${member} at ${appliedIndex} misses acknowledged entry ${floor}`,
    );
  }
}
