/** The end of a run: all faults are over, or all but those of a minority, and the cluster must make progress. */
import type { Configuration, CoreStatus } from '../../src/raft/core/index.ts';
import type { Random } from '../../src/std/index.ts';
import { check, type Checker } from './checker.ts';
import type { EventQueue } from './event-queue.ts';
import type { Faults } from './faults.ts';
import type { SimMember } from './member.ts';
import type { Network } from './network.ts';
import type { Oracle } from './oracle.ts';
import { pick, type Settings } from './settings.ts';
import type { Tracer } from './tla-tracer.ts';
import { reluctantLeader } from './reluctance.ts';
import type { TraceLog } from './trace-log.ts';

/** How long a cluster may take, in longest election time-outs of a member. */
const PATIENCE = 60;
const LOOK_EVERY_MS = 50;

export interface HealingPorts {
  readonly settings: Settings;
  readonly trace: TraceLog;
  readonly tracer: Tracer | undefined;
  readonly members: ReadonlyMap<string, SimMember>;
  readonly checker: Checker;
  readonly oracle: Oracle;
  readonly network: Network;
  readonly faults: Faults;
  readonly events: EventQueue;
  readonly random: Random;
}

export class Healing {
  readonly #ports: HealingPorts;
  healed = false;
  /** Members that stay broken while the others must make progress. */
  readonly #broken = new Set<string>();
  /** Members that are not started again. */
  readonly #down = new Set<SimMember>();

  constructor(ports: HealingPorts) {
    this.#ports = ports;
  }

  keepsDown(member: SimMember): boolean {
    return this.#down.has(member);
  }

  run(): void {
    this.healed = true;
    const { settings } = this.#ports;
    this.#endFaults();
    this.#expectAgreement();
    if (!settings.healsPartly) return;
    this.#expectProgressWithout();
    this.#endFaults();
    this.#expectAgreement();
  }

  /** A leader that does not step down when it is removed leads on, and serves nothing, until somebody stops it. */
  #stopRemoved(): void {
    const inForce = this.#newest()?.configuration;
    if (inForce === undefined) return;
    const taking = new Set(membersOf(inForce));
    for (const member of [...this.#down].filter(({ id }) => taking.has(id))) {
      this.#down.delete(member);
      member.start();
    }
    const running = [...this.#ports.members.values()].filter(({ up }) => up);
    // Only when all who take part know it: before that, a member that is gone may be one that they need.
    const known = running.every(
      ({ id, status }) => !taking.has(id) || votersOf(status?.configuration) === votersOf(inForce),
    );
    if (!known) return;
    for (const member of running) {
      if (taking.has(member.id)) continue;
      this.#down.add(member);
      member.crash();
    }
  }

  #endFaults(): void {
    const { network, faults, members, trace } = this.#ports;
    trace.event('heals', 'all');
    network.heal();
    faults.stalledUntil.clear();
    faults.failing.clear();
    this.#broken.clear();
    this.#down.clear();
    for (const member of members.values()) {
      member.pausedUntil = 0;
      member.fuse = member.lost ? member.fuse : Infinity;
      if (!member.up && !member.lost && member.life > 0) member.start();
    }
  }

  get #patienceMs(): number {
    return PATIENCE * 10 * this.#ports.settings.core.electionTicks.max;
  }

  #newest(): CoreStatus | undefined {
    const all = [...this.#ports.members.values()].map(({ status }) => status);
    return all.reduce(
      (best, status) =>
        status !== undefined && (best?.appliedIndex ?? -1) < status.appliedIndex ? status : best,
      undefined,
    );
  }

  /** One voter is broken for good in a way of its own, and the rest must go on: whom the leader cannot do without is well. */
  #expectProgressWithout(): void {
    const { random, network, faults, members, trace, events } = this.#ports;
    const newest = this.#newest();
    if (newest === undefined) return;
    const { voters } = newest.configuration;
    const leader = [...members.values()].find(({ isLeader }) => isLeader);
    const id = random.next() < 0.6 && leader !== undefined ? leader.id : pick(random, voters);
    if (!this.#canDoWithout(id)) return;
    const way = pick(random, ['mute', 'deaf', 'partial', 'stalled', 'down'] as const);
    trace.event('broken', id, 0, 0, () => way);
    this.#broken.add(id);
    for (const other of members.keys()) {
      if (other === id) continue;
      if (way === 'mute' || (way === 'partial' && random.next() < 0.6)) network.block(id, other);
      if (way === 'deaf' || (way === 'partial' && random.next() < 0.6)) network.block(other, id);
    }
    if (way === 'stalled') faults.stalledUntil.set(id, Infinity);
    const member = members.get(id);
    if (way === 'down' && member !== undefined) {
      this.#down.add(member);
      member.crash();
    }
    const before = this.#ports.oracle.acknowledged;
    const until = events.now + this.#patienceMs;
    while (events.now < until) {
      this.#write();
      this.#wait();
      // Whose disk has stalled can serve nobody, and must not lead.
      const inTheWay = way === 'stalled' && members.get(id)?.isLeader === true;
      if (this.#ports.oracle.acknowledged > before && !inTheWay) return;
    }
    check(false, `no progress while ${id} was ${way}`);
  }

  /** Whichever configuration a member goes by, its majorities are there without `id`. */
  #canDoWithout(id: string): boolean {
    const { members } = this.#ports;
    return [...members.values()].every(({ status }) => {
      const { voters = [], votersOutgoing = [] } = status?.configuration ?? {};
      return [voters, votersOutgoing].every((half) => {
        const well = half.filter((voter) => voter !== id && members.get(voter)?.lost === false);
        return half.length === 0 || well.length * 2 > half.length;
      });
    });
  }

  #wait(): void {
    const { events } = this.#ports;
    const until = events.now + LOOK_EVERY_MS;
    events.after(LOOK_EVERY_MS, () => undefined);
    while (events.runNext(until));
  }

  /** A write at each member that takes part and is well. */
  #write(): void {
    const { members, oracle } = this.#ports;
    for (const member of members.values()) {
      if (!member.up || this.#broken.has(member.id)) continue;
      if (member.waiting > 0) member.giveUp();
      member.propose(oracle.nextSerial());
    }
  }

  #expectAgreement(): void {
    const { events, members, oracle } = this.#ports;
    const until = events.now + this.#patienceMs;
    const served = new Set<string>();
    for (const member of members.values()) member.giveUp();
    let problem: string | undefined = 'nothing happened';
    for (let round = 0; events.now < until; round++) {
      // A write that the network lost before it healed is never decided.
      for (const member of members.values()) {
        if (!member.up || served.has(member.id)) continue;
        if (round % 10 === 0) member.giveUp();
        if (member.waiting > 0) continue;
        member.propose(oracle.nextSerial());
        // One that is alone has served it already.
        if (member.waiting === 0 && member.isLeader) served.add(member.id);
      }
      this.#leaveJoint();
      if (!this.#ports.settings.core.stepDownOnRemoval) this.#stopRemoved();
      const before = new Map([...members.values()].map(({ id, waiting }) => [id, waiting]));
      this.#wait();
      const done = [...members.values()].filter(
        ({ id, waiting }) => waiting === 0 && (before.get(id) ?? 0) > 0,
      );
      for (const { id } of done) served.add(id);
      problem = this.#problem(served);
      if (problem === undefined) return;
    }
    if (this.#isHeldUpByRemoved()) return;
    check(false, `no progress after healing: ${problem}`);
  }

  /**
   * A leader may lose what only a member that is out by now has on disk, while the others, who do not know that yet, need its
   * vote. As in etcd, where changes hold once applied, an operator has to decide then.
   */
  #isHeldUpByRemoved(): boolean {
    const all = [...this.#ports.members.values()].filter(({ up }) => up);
    if (all.some(({ isLeader }) => isLeader)) return false;
    const isIn = ({ id, status }: SimMember): boolean =>
      status?.configuration.voters.includes(id) === true;
    const last = Math.max(...all.filter(isIn).map(({ log }) => log.last));
    const { checker } = this.#ports;
    // What it appended itself, as the leader that went out, would be its own fault.
    return all.some((member) => {
      const { id, log } = member;
      return !isIn(member) && log.last > last && checker.leaderOf(log.lastTerm) !== id;
    });
  }

  /** An explicit joint configuration lasts until somebody leaves it. */
  #leaveJoint(): void {
    for (const member of this.#ports.members.values()) {
      const status = member.status;
      if (status?.role !== 'leader' || status.configuration.votersOutgoing.length === 0) continue;
      member.run((core) => void core.proposeConfig({ transition: 'auto', changes: [] }, 2_000_000));
    }
  }

  /** What is not as it should be, or undefined when everything is. */
  #problem(served: ReadonlySet<string>): string | undefined {
    const { members, checker } = this.#ports;
    const newest = this.#newest();
    if (newest === undefined) return 'nobody runs';
    const { voters, votersOutgoing, learners } = newest.configuration;
    if (votersOutgoing.length > 0) return 'the configuration is still joint';
    const lost = voters.filter((id) => members.get(id)?.lost === true);
    if (lost.length * 2 >= voters.length) return undefined;
    const all = [...members.values()];
    // Without CheckQuorum, a leader that was removed while it was cut off is never told, and leads nobody.
    const taking = this.#ports.settings.core.checkQuorum
      ? undefined
      : membersOf(newest.configuration);
    const leaders = all
      .filter(({ id, isLeader }) => isLeader && taking?.includes(id) !== false)
      .map(({ id }) => id);
    if (leaders.length !== 1) return `${leaders.length} leaders ${leaders.join(' ')}`;
    const inOffice = reluctantLeader(members, this.#ports.faults.fenced);
    if (inOffice !== undefined) return `${inOffice}, which is fenced, leads where others can`;
    for (const id of [...voters, ...learners]) {
      const member = members.get(id) as SimMember;
      if (member.lost) continue;
      const status = member.status;
      if (status === undefined) return `${id} does not run`;
      const { appliedIndex, commitIndex, divergent } = status;
      if (divergent) return `${id} is taken to be divergent`;
      if (appliedIndex !== checker.frontier || commitIndex !== checker.frontier) {
        return `${id} stands at commit ${commitIndex}, applied ${appliedIndex}, not ${checker.frontier}`;
      }
      if (!served.has(id) && (this.#ports.settings.core.forwardProposals || id === leaders[0])) {
        return `no write of ${id} was served`;
      }
    }
    return undefined;
  }
}

/** Both halves, when there are two. */
function votersOf(configuration: Configuration | undefined): string {
  return `${configuration?.voters.join()} ${configuration?.votersOutgoing.join()}`;
}

function membersOf({ voters, votersOutgoing, learners, learnersNext }: Configuration): string[] {
  return [...voters, ...votersOutgoing, ...learners, ...learnersNext];
}
