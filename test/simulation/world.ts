/** A whole cluster under faults drawn from one seed: first chaos, then everything heals and must make progress. */
import { createHash, type Hash } from 'node:crypto';
import { messageBytes } from '../../src/raft/codec.ts';
import type { Message } from '../../src/raft/core/index.ts';
import { integerBetween, seededRandom, shuffled, type Random } from '../../src/std/index.ts';
import { Checker, Violation } from './checker.ts';
import { EventQueue } from './event-queue.ts';
import { SimMember } from './member.ts';

const TICK_MS = 10;
const CHAOS_MS = 6_000;
const HEAL_MS = 6_000;

export interface SimulationResult {
  readonly seed: number;
  /** Of every line of the trace: the same seed gives the same hash. */
  readonly hash: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly committed: number;
  readonly violation: Violation | undefined;
}

export interface SimulationOptions {
  /** Receives one line an event. */
  readonly onLine?: (line: string) => void;
}

export function simulate(seed: number, options: SimulationOptions = {}): SimulationResult {
  const world = new World(seed, options);
  let violation: Violation | undefined;
  try {
    world.run();
  } catch (error) {
    violation = error instanceof Violation ? error : new Violation(String((error as Error).stack));
  }
  return { seed, ...world.summary(), violation };
}

class World {
  readonly #random: Random;
  readonly #events = new EventQueue();
  readonly #checker = new Checker();
  readonly #hash: Hash = createHash('sha256');
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #members: SimMember[];
  readonly #voters: string[];
  readonly #blocked = new Set<string>();
  #loss = 0;
  #duplication = 0;
  #slow = 0;
  #healed = false;
  #steps = 0;
  #serial = 0;

  constructor(seed: number, options: SimulationOptions) {
    this.#random = seededRandom(seed);
    this.#onLine = options.onLine;
    const voters = this.#random.next() < 0.5 ? 3 : 5;
    const learners = this.#random.next() < 0.2 ? 1 : 0;
    const ids = Array.from({ length: voters + learners }, (_, i) => `n${i + 1}`);
    this.#voters = ids.slice(0, voters);
    this.#members = ids.map(
      (id) =>
        new SimMember(id, {
          random: this.#random,
          checker: this.#checker,
          voters: this.#voters,
          learners: ids.slice(voters),
          send: (message) => this.#send(message),
          flush: (_member, done) => this.#events.after(this.#flushMs(), done),
          voterViews: () => this.#members.filter(({ id }) => this.#voters.includes(id)),
          log: (line) => this.#log(line),
        }),
    );
  }

  summary(): Omit<SimulationResult, 'seed' | 'violation'> {
    return {
      hash: this.#hash.digest('hex').slice(0, 16),
      events: this.#steps,
      virtualMs: Math.round(this.#events.now),
      committed: this.#checker.committed.length,
    };
  }

  run(): void {
    for (const member of this.#members) {
      this.#start(member);
      this.#scheduleTick(member);
    }
    this.#scheduleClient();
    this.#scheduleFault();
    this.#runUntil(CHAOS_MS);
    this.#heal();
    this.#runUntil(CHAOS_MS + HEAL_MS / 2);
    for (const member of this.#members) {
      member.giveUp();
      member.propose(this.#nextCommand());
    }
    this.#runUntil(CHAOS_MS + HEAL_MS);
    this.#expectProgress();
  }

  #runUntil(until: number): void {
    while (this.#events.runNext(until)) this.#steps += 1;
  }

  #log(line: string): void {
    const text = `${this.#events.now.toFixed(2)} ${line}`;
    this.#hash.update(`${text}\n`);
    this.#onLine?.(text);
  }

  #chance(probability: number): boolean {
    return this.#random.next() < probability;
  }

  #between(min: number, max: number): number {
    return min + this.#random.next() * (max - min);
  }

  #pick<T>(items: readonly T[]): T {
    return items[integerBetween(this.#random, 0, items.length - 1)] as T;
  }

  #flushMs(): number {
    if (this.#healed) return 0.5;
    return this.#chance(0.02) ? this.#between(20, 300) : this.#between(0.1, 3);
  }

  #scheduleTick(member: SimMember): void {
    // Clocks drift: up to 5 % either way.
    this.#events.after(TICK_MS * this.#between(0.95, 1.05), () => {
      if (this.#events.now >= member.pausedUntil) member.tick();
      this.#scheduleTick(member);
    });
  }

  #send(message: Message): void {
    const { from, to, type } = message;
    if (this.#blocked.has(`${from}>${to}`) || this.#chance(this.#loss)) {
      return this.#log(`lost ${describe(message)}`);
    }
    this.#deliverLater(message);
    // A gRPC stream never repeats a message by itself; a proposal sent twice would be two proposals.
    if (type !== 'propose' && this.#chance(this.#duplication)) this.#deliverLater(message);
  }

  #deliverLater(message: Message): void {
    const delayMs = this.#chance(this.#slow) ? this.#between(5, 250) : this.#between(0.1, 2);
    this.#events.after(delayMs, () => this.#deliver(message));
  }

  #deliver(message: Message): void {
    const member = this.#members.find(({ id }) => id === message.to);
    if (member === undefined || !member.up) return;
    if (this.#events.now < member.pausedUntil) {
      this.#events.after(member.pausedUntil - this.#events.now, () => this.#deliver(message));
      return;
    }
    this.#log(`got ${describe(message)}`);
    member.receive(message);
  }

  #nextCommand(): string {
    this.#serial += 1;
    return `command ${this.#serial}`;
  }

  #scheduleClient(): void {
    this.#events.after(this.#between(1, this.#chance(0.1) ? 200 : 30), () => {
      if (this.#healed) return;
      const member = this.#pick(this.#members);
      if (member.up && member.waiting < 50) {
        if (this.#chance(0.3)) member.read();
        else member.propose(this.#nextCommand());
      }
      this.#scheduleClient();
    });
  }

  #scheduleFault(): void {
    this.#events.after(this.#between(20, 600), () => {
      if (this.#healed) return;
      this.#fault();
      this.#scheduleFault();
    });
  }

  #fault(): void {
    const dice = this.#random.next();
    if (dice < 0.35) this.#crashSome();
    else if (dice < 0.6) this.#partition();
    else if (dice < 0.75) this.#unblock();
    else if (dice < 0.85) this.#pause();
    else {
      this.#loss = this.#pick([0, 0, 0.05, 0.3]);
      this.#duplication = this.#pick([0, 0.05, 0.3]);
      this.#slow = this.#pick([0, 0.05, 0.3]);
      this.#log(`network loss ${this.#loss} duplication ${this.#duplication} slow ${this.#slow}`);
    }
  }

  #crashSome(): void {
    const leader = this.#members.find((member) => member.up && member.isLeader);
    const victims = this.#chance(0.1)
      ? this.#members
      : [leader !== undefined && this.#chance(0.5) ? leader : this.#pick(this.#members)];
    for (const member of victims) {
      if (!member.up) continue;
      this.#log(`crash ${member.id}`);
      member.crash();
      this.#events.after(this.#between(5, 800), () => {
        if (!member.up) this.#start(member);
      });
      this.#tellLost(member.id);
    }
  }

  /** Broken connections are noticed at once, or not at all. */
  #tellLost(id: string): void {
    for (const member of this.#members) {
      if (!member.up || !this.#chance(0.7)) continue;
      this.#events.after(this.#between(0, 5), () => {
        if (!member.up || !member.lostPeer(id)) return;
        const { life } = member;
        this.#events.after(this.#between(0, 25), () => {
          if (member.up && member.life === life && member.leaderId === undefined) member.campaign();
        });
      });
    }
  }

  #start(member: SimMember): void {
    this.#log(`start ${member.id} with ${member.durable.log.length} entries`);
    member.start();
  }

  #partition(): void {
    const ids = shuffled(
      this.#random,
      this.#members.map(({ id }) => id),
    );
    const cut = integerBetween(this.#random, 1, ids.length - 1);
    const oneWay = this.#chance(0.3);
    for (const a of ids.slice(0, cut)) {
      for (const b of ids.slice(cut)) {
        // Not every link is cut in a partial partition.
        if (this.#chance(0.15)) continue;
        this.#blocked.add(`${a}>${b}`);
        if (!oneWay) this.#blocked.add(`${b}>${a}`);
      }
    }
    this.#log(`partition ${[...this.#blocked].join(' ')}`);
  }

  #unblock(): void {
    this.#blocked.clear();
    this.#log('partition healed');
  }

  #pause(): void {
    const member = this.#pick(this.#members);
    member.pausedUntil = this.#events.now + this.#between(20, 700);
    this.#log(`pause ${member.id} until ${member.pausedUntil.toFixed(2)}`);
  }

  #heal(): void {
    this.#healed = true;
    this.#unblock();
    this.#loss = 0;
    this.#duplication = 0;
    this.#slow = 0;
    for (const member of this.#members) {
      member.pausedUntil = 0;
      if (!member.up) this.#start(member);
    }
  }

  /** One leader, equal logs, everything acknowledged still there, new proposals applied everywhere. */
  #expectProgress(): void {
    const leaders = this.#members.filter(({ isLeader }) => isLeader);
    if (leaders.length !== 1) throw new Violation(`${leaders.length} leaders after healing`);
    const committed = this.#checker.committed.length;
    for (const member of this.#members) {
      const { id, applied, waiting, commit } = member;
      if (commit !== committed || applied !== committed) {
        throw new Violation(
          `${id} stands at commit ${commit}, applied ${applied}, not at ${committed}`,
        );
      }
      if (waiting > 0) throw new Violation(`${waiting} proposals of ${id} were never decided`);
    }
    if (this.#checker.acknowledged > committed)
      throw new Violation('an acknowledged entry is gone');
  }
}

function describe(message: Message): string {
  const { type, from, to, term } = message;
  return `${type} ${from}>${to} term ${term} ${messageBytes(message)}B`;
}
