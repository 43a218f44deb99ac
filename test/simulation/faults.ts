/** What a planned event does to the cluster. */
import { applyChange, type ConfigChange, type Configuration } from '../../src/raft/core/index.ts';
import { integerBetween, shuffled, type Random } from '../../src/std/index.ts';
import type { SimMember } from './member.ts';
import type { Network } from './network.ts';
import type { PlannedEvent } from './plan.ts';
import { between, pick, stream, type Settings } from './settings.ts';
import type { Tracer } from './tla-tracer.ts';
import type { TraceLog } from './trace-log.ts';

export interface FaultPorts {
  readonly settings: Settings;
  readonly trace: TraceLog;
  readonly tracer: Tracer | undefined;
  readonly members: ReadonlyMap<string, SimMember>;
  readonly network: Network;
  readonly now: () => number;
  later(member: SimMember, delayMs: number, action: () => void): void;
  /** Starts a member that nobody has started yet. */
  join(id: string): void;
}

export class Faults {
  readonly #ports: FaultPorts;
  /** How long the next flush of a disk takes, where it stalls. */
  readonly stalledUntil = new Map<string, number>();
  /** Disks whose next flush fails. */
  readonly failing = new Set<string>();
  /** Members that are to lead only if no other can. */
  readonly fenced = new Set<string>();

  constructor(ports: FaultPorts) {
    this.#ports = ports;
  }

  run({ action, number, at }: PlannedEvent, random: Random): void {
    const { members, network, now } = this.#ports;
    const running = [...members.values()].filter(({ up }) => up);
    if (running.length === 0) return;
    const leader = running.find(({ isLeader }) => isLeader);
    const victim = leader !== undefined && random.next() < 0.5 ? leader : pick(random, running);
    this.#ports.trace.event(action, 'plan', number, Math.round(at), () => `#${number}`);
    switch (action) {
      case 'network':
        return this.#network(random);
      case 'partition':
        return this.#partition(random);
      case 'unblock':
        return network.unblock();
      case 'reset':
        return this.#reset(victim.id, random);
      case 'pause':
        victim.pausedUntil = now() + between(random, 10, 600);
        return;
      case 'crash':
        victim.fuse = random.next() < 0.5 ? 1 : integerBetween(random, 1, 40);
        if (this.#ports.settings.traced) victim.crash();
        return;
      case 'crash-all':
        for (const member of running) {
          member.fuse = integerBetween(random, 1, 20);
          if (this.#ports.settings.traced) member.crash();
        }
        return;
      case 'stall':
        this.stalledUntil.set(victim.id, now() + between(random, 50, 1_500));
        return;
      case 'fsync-error':
        this.failing.add(victim.id);
        return;
      case 'rot':
        return this.#rot(victim);
      case 'membership':
        return this.#membership(random, leader);
      case 'compaction':
        for (const member of shuffled(random, running).slice(0, integerBetween(random, 1, 3))) {
          member.snapshot(between(random, 1, 60));
        }
        return;
      case 'transfer': {
        const to = pick(random, [...members.keys()]);
        victim.run((core) => void core.transferLeadership(to));
        return this.#cutOffAfterTransfer(victim, random);
      }
      case 'prefer': {
        const id = random.next() < 0.3 ? undefined : pick(random, [...members.keys()]);
        for (const member of running) member.run((core) => core.preferLeader(id));
        return;
      }
      case 'fence':
        return this.#fence(random, leader);
    }
  }

  /** The leader above all; now and then everybody, who must lead all the same. */
  #fence(random: Random, leader: SimMember | undefined): void {
    const { members, trace } = this.#ports;
    const ids = shuffled(random, [...members.keys()]);
    const count = pick(random, [0, 1, 1, 2, ids.length]);
    this.fenced.clear();
    for (const id of ids.slice(0, count)) this.fenced.add(id);
    if (leader !== undefined && count > 0 && random.next() < 0.5) this.fenced.add(leader.id);
    trace.event('fenced', 'all', this.fenced.size, 0, () => [...this.fenced].join(' '));
  }

  /** Who asked another to lead hears nothing of what comes of it. */
  #cutOffAfterTransfer(victim: SimMember, random: Random): void {
    const { settings, members, network, later } = this.#ports;
    if (!settings.faults.has('partition') || random.next() < 0.6) return;
    later(victim, between(random, 0.5, 6), () => {
      if (this.#ports.now() >= settings.chaosMs) return;
      for (const { id } of members.values()) {
        network.block(id, victim.id);
        if (id !== victim.id) network.block(victim.id, id);
      }
    });
  }

  /** A new leader is asked for a change at once, before it has committed anything. */
  elected(leader: SimMember): void {
    const { settings, later } = this.#ports;
    if (!settings.eager || !settings.faults.has('membership')) return;
    const random = stream(settings.seed, 100 + (leader.status?.term ?? 0));
    later(leader, between(random, 0, 0.3), () => this.#membership(random, leader));
  }

  /** Both sides notice at once; what is not broken is noticed late, and messages under way survive. */
  breakConnections(id: string, random: Random, share: number): void {
    const { members, network } = this.#ports;
    const own = members.get(id);
    for (const other of members.values()) {
      if (other.id === id) continue;
      const breaks = random.next() < share;
      if (breaks) network.reset(id, other.id);
      this.#tellLost(other, id, between(random, 0, breaks ? 5 : 300));
      if (breaks) this.#tellLost(own, other.id, between(random, 0, 5));
    }
  }

  /** Some connections of a member break, others do not. */
  #reset(id: string, random: Random): void {
    const { members, network } = this.#ports;
    for (const other of members.values()) {
      if (other.id === id || random.next() < 0.4) continue;
      network.reset(id, other.id);
      this.#tellLost(other, id, between(random, 0, 5));
      this.#tellLost(members.get(id), other.id, between(random, 0, 5));
    }
  }

  #tellLost(member: SimMember | undefined, peer: string, delayMs: number): void {
    if (member?.core === undefined) return;
    this.#ports.later(member, delayMs, () => member.unreachable(peer));
  }

  #network(random: Random): void {
    const { network, settings, trace } = this.#ports;
    const { faults } = settings;
    network.loss = faults.has('loss') ? pick(random, [0, 0, 0.02, 0.1, 0.3]) : 0;
    network.duplication = faults.has('duplication') ? pick(random, [0, 0.05, 0.3]) : 0;
    network.slow = faults.has('delay') ? pick(random, [0, 0.05, 0.3]) : 0;
    const { loss, duplication, slow } = network;
    trace.event('network', 'all', loss * 100, slow * 100, () => {
      return `loss ${loss} duplication ${duplication} slow ${slow}`;
    });
  }

  #partition(random: Random): void {
    const { members, network, trace } = this.#ports;
    const ids = shuffled(random, [...members.keys()]);
    const cut = integerBetween(random, 1, ids.length - 1);
    const oneWay = random.next() < 0.3;
    // Not every link is cut in a partial partition.
    const holes = pick(random, [0, 0, 0.15, 0.5]);
    for (const a of ids.slice(0, cut)) {
      for (const b of ids.slice(cut)) {
        if (random.next() < holes) continue;
        network.block(a, b);
        if (!oneWay) network.block(b, a);
      }
    }
    trace.event('partition', 'all', cut, 0, () => {
      return `${ids.slice(0, cut).join(' ')} ${oneWay ? '>' : '|'} ${ids.slice(cut).join(' ')}`;
    });
  }

  /** A disk is damaged: the member will not start again, and counts as lost, if the others can do without it. */
  #rot(victim: SimMember): void {
    victim.lost = true;
    if (!this.#isSurvivable()) {
      victim.lost = false;
      return;
    }
    this.#ports.trace.event('rot', victim.id);
    victim.disk.damaged = true;
    victim.fuse = 1;
  }

  /** Every configuration that may be in force, or come to be, has its majorities without those who are lost. */
  #isSurvivable(): boolean {
    const members = [...this.#ports.members.values()];
    return members.every(({ status, disk }) => {
      const inForce = status?.configuration ?? disk.snapshot.meta.configuration;
      return this.#survives(inForce) && this.#proposed.every((next) => this.#survives(next));
    });
  }

  /** Configurations that were asked for; any of them may come. */
  readonly #proposed: Configuration[] = [];

  #survives({ voters, votersOutgoing }: Configuration): boolean {
    return [voters, votersOutgoing].every((half) => {
      const well = half.filter((id) => this.#ports.members.get(id)?.lost === false);
      return half.length === 0 || well.length * 2 > half.length;
    });
  }

  #membership(random: Random, leader: SimMember | undefined): void {
    const status = leader?.status;
    if (leader === undefined || status === undefined) return;
    const change = this.#drawChange(random, status.configuration);
    const next = applyChange(status.configuration, change);
    const isOdd = random.next() < 0.1;
    if (this.#ports.tracer?.takesChange(leader, change) === false) return;
    if (next.ok) {
      if (!this.#survives(next.value)) return;
      this.#proposed.push(next.value);
    } else if (!isOdd) return;
    for (const { id } of change.changes) this.#ports.join(id);
    this.#ports.trace.event('change', leader.id, change.changes.length, 0, () => {
      return `${change.transition} ${change.changes.map(({ type, id }) => `${type} ${id}`).join(', ')}`;
    });
    leader.run(
      (core) => void core.proposeConfig(change, 1_000_000 + integerBetween(random, 0, 999)),
    );
  }

  #drawChange(random: Random, { voters, votersOutgoing, learners }: Configuration): ConfigChange {
    const { members, settings } = this.#ports;
    if (votersOutgoing.length > 0 && random.next() < 0.7)
      return { transition: 'auto', changes: [] };
    const ids = [...members.values()];
    const outside = ids.filter(
      ({ id, lost }) => !lost && !voters.includes(id) && !learners.includes(id),
    );
    const gone = voters.filter((id) => members.get(id)?.lost === true);
    const one = (): ConfigChange['changes'][number] => {
      const dice = random.next();
      const comes = outside.length > 0 ? pick(random, outside).id : undefined;
      if (dice < 0.2 && learners.length > 0)
        return { type: 'add-voter', id: pick(random, learners) };
      if (dice < 0.35 && comes !== undefined && !settings.traced) {
        return { type: 'add-learner', id: comes };
      }
      if (dice < 0.6 && comes !== undefined) return { type: 'add-voter', id: comes };
      if (dice < 0.7 && voters.length > 2 && !settings.traced) {
        return { type: 'add-learner', id: pick(random, voters) };
      }
      if (dice < 0.8 && learners.length > 0) return { type: 'remove', id: pick(random, learners) };
      const id = gone.length > 0 && random.next() < 0.7 ? pick(random, gone) : pick(random, voters);
      return { type: 'remove', id };
    };
    if (settings.traced) return { transition: 'auto', changes: [one()] };
    const count = pick(random, [1, 1, 1, 2, 3]);
    const changes = new Map(Array.from({ length: count }, one).map((each) => [each.id, each]));
    const transition = pick(random, ['auto', 'auto', 'joint-implicit', 'joint-explicit'] as const);
    return { transition, changes: [...changes.values()] };
  }
}
