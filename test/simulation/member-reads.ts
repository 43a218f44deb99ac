/** The reads of a member's clients: by asking a majority, or from the leader's lease where that is on. */
import type { CoreStatus, Message, RaftCore, ReadState } from '../../src/raft/core/index.ts';
import { LeaseReads } from './lease-reads.ts';
import type { Machine } from './machine.ts';
import type { Oracle } from './oracle.ts';
import { TICK_MS, type Settings } from './settings.ts';

interface Reader {
  readonly id: string;
  readonly machine: Machine;
  /** How fast its clock runs. */
  readonly rate: number;
}

export class MemberReads {
  readonly #prefix: string;
  readonly #oracle: Oracle;
  readonly #now: () => number;
  readonly #lease: LeaseReads | undefined;
  readonly #asked = new Map<string, { readonly key: number; readonly floor: number }>();
  #answered: ReadState[] = [];
  #last = 0;

  /** `prefix` makes contexts unique among all processes. */
  constructor(
    prefix: string,
    ports: {
      readonly core: Settings['core'];
      readonly oracle: Oracle;
      readonly now: () => number;
    },
  ) {
    this.#prefix = prefix;
    this.#oracle = ports.oracle;
    this.#now = ports.now;
    this.#lease = ports.core.leaseReads ? new LeaseReads(ports.core, TICK_MS) : undefined;
  }

  ask(core: RaftCore, { id, machine, rate }: Reader, key: number): void {
    const floor = this.#oracle.floor(key);
    if (this.#lease?.mayRead(core.status(), this.#now() * rate) === true) {
      return this.#oracle.read(id, key, machine.read(key), floor);
    }
    this.#last += 1;
    const context = `${this.#prefix}/${this.#last}`;
    if (core.readIndex(context)) this.#asked.set(context, { key, floor });
  }

  /** Called after each step of the core. */
  look(core: RaftCore, status: CoreStatus): void {
    this.#lease?.look(status, core.confirmedRound());
  }

  /** These go to the network now. */
  leaving(messages: readonly Message[], rate: number): void {
    this.#lease?.sent(messages, this.#now() * rate);
  }

  answered(readStates: readonly ReadState[]): void {
    this.#answered.push(...readStates);
  }

  /** What is answered is read once it is applied here. */
  serve(core: RaftCore, { id, machine }: Reader): void {
    if (this.#answered.length === 0) return;
    const { appliedIndex } = core.status();
    const due = this.#answered.filter(({ index }) => index <= appliedIndex);
    if (due.length === 0) return;
    this.#answered = this.#answered.filter(({ index }) => index > appliedIndex);
    for (const { context } of due) {
      const read = this.#asked.get(context);
      this.#asked.delete(context);
      if (read !== undefined) this.#oracle.read(id, read.key, machine.read(read.key), read.floor);
    }
  }
}
