/** A whole cluster under faults drawn from one seed: first chaos, then everything heals and must make progress. */
import { bootstrapState, emptyState, type Message } from '../../src/raft/core/index.ts';
import type { Random } from '../../src/std/index.ts';
import { Checker, Violation } from './checker.ts';
import { Disk } from './disk.ts';
import { EventQueue } from './event-queue.ts';
import { Faults } from './faults.ts';
import { Healing } from './healing.ts';
import { EMPTY_MACHINE, KEYS } from './machine.ts';
import type { MemberPorts } from './member-ports.ts';
import { SimMember } from './member.ts';
import { Network } from './network.ts';
import { Oracle } from './oracle.ts';
import { drawPlan, type PlannedEvent } from './plan.ts';
import { between, drawSettings, pick, stream, type Reduction, type Settings } from './settings.ts';
import { keepCordon } from './reluctance.ts';
import { TraceLog } from './trace-log.ts';
import { Tracer } from './tla-tracer.ts';
import { Transfers } from './transfers.ts';

export interface SimulationResult {
  readonly seed: number;
  /** Of every event: the same seed gives the same hash. */
  readonly hash: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly committed: number;
  readonly acknowledged: number;
  readonly reads: number;
  readonly plan: readonly PlannedEvent[];
  readonly settings: Settings;
  readonly violation: Violation | undefined;
}

export interface SimulationOptions extends Reduction {
  /** Receives one line an event. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Receives the run in the event schema of etcd's TLA+ trace validation, and makes it one that the specification knows. */
  readonly onTrace?: ((line: string) => void) | undefined;
}

export function simulate(seed: number, options: SimulationOptions = {}): SimulationResult {
  const world = new World(seed, options);
  let violation: Violation | undefined;
  try {
    world.run();
  } catch (error) {
    violation = error instanceof Violation ? error : new Violation(String((error as Error).stack));
    world.show();
  }
  return { seed, ...world.summary(), violation };
}

class World {
  readonly #settings: Settings;
  readonly #plan: readonly PlannedEvent[];
  readonly #events = new EventQueue();
  readonly #members = new Map<string, SimMember>();
  readonly #checker = new Checker(this.#members);
  readonly #oracle = new Oracle();
  readonly #trace: TraceLog;
  readonly #tracer: Tracer | undefined;
  readonly #network: Network;
  readonly #faults: Faults;
  readonly #transfers: Transfers;
  readonly #healing: Healing;
  readonly #disks: Random;
  readonly #restarts: Random;

  constructor(seed: number, options: SimulationOptions) {
    const settings = drawSettings(seed, options, options.onTrace !== undefined);
    const now = (): number => this.#events.now;
    const later = this.#later.bind(this);
    this.#settings = settings;
    this.#plan = drawPlan(settings, options.drop ?? []);
    this.#trace = new TraceLog(now, options.onLine);
    this.#tracer = options.onTrace === undefined ? undefined : new Tracer(options.onTrace);
    this.#disks = stream(seed, 2);
    this.#restarts = stream(seed, 3);
    const shared = { settings, trace: this.#trace, members: this.#members, tracer: this.#tracer };
    this.#network = new Network({
      ...shared,
      events: this.#events,
      random: stream(seed, 4),
      later,
      announced: (message) => this.#transfers.begin(message),
    });
    this.#transfers = new Transfers({
      ...shared,
      random: stream(seed, 5),
      network: () => this.#network,
      healed: () => this.#healing.healed,
      later,
    });
    this.#faults = new Faults({
      ...shared,
      network: this.#network,
      now,
      later,
      join: (id) => this.#join(id),
    });
    this.#healing = new Healing({
      ...shared,
      checker: this.#checker,
      oracle: this.#oracle,
      network: this.#network,
      faults: this.#faults,
      events: this.#events,
      random: stream(seed, 6),
    });
    this.#found(later, now);
  }

  summary(): Omit<SimulationResult, 'seed' | 'violation'> {
    return {
      hash: this.#trace.hash,
      events: this.#trace.events,
      virtualMs: Math.round(this.#events.now),
      committed: this.#checker.frontier - 1,
      acknowledged: this.#oracle.acknowledged,
      reads: this.#oracle.reads,
      plan: this.#plan,
      settings: this.#settings,
    };
  }

  /** How the members stand, for whoever reads the trace of a failure. */
  show(): void {
    for (const { id, status, disk, lost, core } of this.#members.values()) {
      this.#trace.event('stands', id, 0, 0, () => {
        if (status === undefined) return lost ? 'lost' : `down at ${disk.log.last}`;
        const { role, term, vote, commitIndex, appliedIndex, firstIndex, lastIndex } = status;
        const { voters, votersOutgoing, learners } = status.configuration;
        const flags = `${status.removed ? ' removed' : ''}${status.divergent ? ' divergent' : ''}`;
        return (
          `${role} term ${term} vote ${vote ?? '-'} log ${firstIndex}..${lastIndex} commit ${commitIndex}` +
          ` applied ${appliedIndex} voters ${voters.join(' ')} | ${votersOutgoing.join(' ')}` +
          ` learners ${learners.join(' ')}${flags}` +
          (core?.progress() ?? []).map((row) => `\n  ${JSON.stringify(row)}`).join('')
        );
      });
    }
  }

  run(): void {
    const { chaosMs } = this.#settings;
    for (const member of this.#members.values()) if (!this.#isJoiner(member)) member.start();
    this.#scheduleClient(stream(this.#settings.seed, 7));
    for (const event of this.#plan) {
      if (event.at >= chaosMs) continue;
      this.#events.after(event.at, () => this.#faults.run(event, stream(event.seed, 8)));
    }
    while (this.#events.runNext(chaosMs));
    this.#healing.run();
  }

  /** The founders begin with the same configuration; those who may join later begin with nothing. */
  #found(later: MemberPorts['later'], now: () => number): void {
    const { nodes, joiners, core, skew, seed } = this.#settings;
    const random = stream(seed, 9);
    const founders = Array.from({ length: nodes }, (_, i) => `${i + 1}`);
    const all = Array.from({ length: nodes + joiners }, (_, i) => `${i + 1}`);
    for (const id of all) {
      const stored = founders.includes(id) ? bootstrapState(founders) : emptyState();
      const disk = new Disk(stored, EMPTY_MACHINE, {
        now,
        flush: (finish) => this.#flush(id, finish),
        persisted: (before, after) => this.#checker.persisted(id, before, after),
      });
      const member = new SimMember(id, disk, {
        settings: this.#settings,
        checker: this.#checker,
        oracle: this.#oracle,
        trace: this.#trace,
        tracer: this.#tracer,
        now,
        random: (name, life) => stream(seed, 1_000 * life + Number(name)),
        send: (message) => this.#network.send(message),
        later,
        started: (started) => {
          if (!this.#settings.faults.has('reluctance')) return;
          keepCordon(started, { fenced: this.#faults.fenced, now, later });
        },
        crashed: (crashed) => this.#crashed(crashed),
        elected: (leader) => this.#faults.elected(leader),
      });
      member.rate = 1 + between(random, -skew, skew);
      this.#members.set(id, member);
    }
    if (core.electionTicks.min < 2) throw new RangeError('an election needs more than one tick');
  }

  #isJoiner({ id }: SimMember): boolean {
    return Number(id) > this.#settings.nodes;
  }

  #join(id: string): void {
    const member = this.#members.get(id);
    if (member === undefined || member.up || member.life > 0) return;
    this.#events.after(between(this.#restarts, 0, 50), () => {
      if (!member.up && member.life === 0) member.start();
    });
  }

  /** In the same life of the member, and when it is not held up. */
  #later(member: SimMember, delayMs: number, action: () => void): void {
    const { life } = member;
    const attempt = (): void => {
      if (member.life !== life) return;
      const pausedMs = member.pausedUntil - this.#events.now;
      if (pausedMs > 0) this.#events.after(pausedMs, attempt);
      else action();
    };
    this.#events.after(delayMs, attempt);
  }

  #flush(id: string, finish: () => void): void {
    const member = this.#members.get(id) as SimMember;
    const { flushMs } = this.#settings;
    if (flushMs === 0) return finish();
    const done = (): void => {
      const stalledMs = (this.#faults.stalledUntil.get(id) ?? 0) - this.#events.now;
      if (stalledMs > 0) return this.#later(member, Math.min(stalledMs, 100), done);
      if (!this.#faults.failing.delete(id)) return finish();
      // What a failed flush left behind is unknown: the member stops, and trusts only what a new start finds.
      this.#trace.event('flush-failed', id);
      member.crash();
    };
    this.#later(member, between(this.#disks, 0.1, 2) * flushMs, done);
  }

  #crashed(member: SimMember): void {
    this.#transfersBreak(member);
    if (member.disk.damaged) return this.#trace.event('refuses-to-start', member.id);
    const delayMs = this.#healing.healed ? 50 : between(this.#restarts, 5, 800);
    this.#events.after(delayMs, () => {
      if (!member.up && !this.#healing.keepsDown(member)) member.start();
    });
  }

  #transfersBreak(member: SimMember): void {
    // Where messages may outlive the process they were meant for, their connections do not break.
    const share = this.#settings.ghosts ? 0.3 : 1;
    this.#faults.breakConnections(member.id, this.#restarts, share);
  }

  /** Where leaders answer alone, each that takes itself for one is asked. */
  #read(member: SimMember, key: number): void {
    member.read(key);
    if (!this.#settings.core.leaseReads) return;
    for (const other of this.#members.values()) {
      if (other !== member && other.isLeader && other.pausedUntil <= this.#events.now)
        other.read(key);
    }
  }

  #scheduleClient(random: Random): void {
    const { clientMs, readShare } = this.#settings;
    this.#events.after(between(random, 0.1, 2) * clientMs, () => {
      if (this.#healing.healed) return;
      const member = pick(random, [...this.#members.values()]);
      const reads = random.next() < readShare;
      const key = Math.floor(random.next() * KEYS);
      if (member.up && member.waiting < 50) {
        this.#later(member, 0, () => {
          if (reads) this.#read(member, key);
          else member.propose(this.#oracle.nextSerial());
        });
      }
      this.#scheduleClient(random);
    });
  }
}

export type { Message };
