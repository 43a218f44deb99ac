/** Chance decides what happens to a cluster: a setup and its events from a seed, chosen by looking at our own side only. */
import { integerBetween, seededRandom, shuffled, type Random } from '../../src/std/index.ts';
import { applyChange } from '../../src/raft/core/index.ts';
import type { Message } from '../../src/raft/core/index.ts';
import {
  mayChange,
  mayDeliver,
  mayPropose,
  mayRead,
  mustApplyFirst,
  mustFlushFirst,
  mustStayFirst,
} from './agreement.ts';
import type { ChangeEvent, Event, Run, Setup } from './events.ts';
import { coreOf, type CoreFactory, type Member } from './member.ts';
import { changeOf, World, type Flights } from './world.ts';

/** How likely each kind of event is, against the others, for a while. */
interface Weather {
  readonly deliver: number;
  readonly reorder: number;
  readonly lose: number;
  readonly repeat: number;
  readonly tick: number;
  readonly campaign: number;
  readonly propose: number;
  readonly change: number;
  readonly work: number;
  readonly crash: number;
  readonly restart: number;
  readonly compact: number;
  readonly odd: number;
  readonly read: number;
}

const CALM: Weather = {
  ...{ deliver: 60, reorder: 0, lose: 0, repeat: 0, tick: 6, campaign: 0.3, propose: 9, change: 3 },
  ...{ work: 25, crash: 0, restart: 3, compact: 1.5, odd: 1, read: 3 },
};
const ROUGH: Weather = {
  ...{ deliver: 45, reorder: 0.3, lose: 5, repeat: 4, tick: 8, campaign: 2, propose: 7, change: 4 },
  ...{ work: 20, crash: 1.5, restart: 3, compact: 2, odd: 4, read: 3 },
};
const DEAF: Weather = { ...ROUGH, deliver: 15, lose: 18, tick: 14, campaign: 5, crash: 1 };
const WEATHERS = [CALM, CALM, ROUGH, ROUGH, DEAF];
/** Members are not made to send more while this much is under way. */
const FLIGHTS_MAX = 40;
const SETTLE_EVENTS_MAX = 5_000;

export function setupOf(seed: number): Setup {
  const random = seededRandom(seed);
  const chance = (part: number): boolean => random.next() < part;
  const voterCount = [1, 2, 3, 3, 3, 3, 4, 5, 5][integerBetween(random, 0, 8)] as number;
  const memberCount = voterCount + integerBetween(random, 0, 2);
  const members = Array.from({ length: memberCount }, (_, i) => i + 1);
  const electionTicks = integerBetween(random, 4, 10);
  const changes = chance(0.7);
  // The two sides encode changes differently, so that with them no size can be limited.
  const limited = !changes && chance(0.5);
  const oneEntry = limited || chance(0.3);
  return {
    members,
    voters: members.slice(0, voterCount),
    electionTicks,
    heartbeatTicks: integerBetween(random, 1, 3),
    timeouts: Object.fromEntries(
      members.map((id) => [id, integerBetween(random, electionTicks, 2 * electionTicks - 1)]),
    ),
    preVote: chance(0.5),
    checkQuorum: chance(0.5),
    sync: chance(0.4),
    oneEntry,
    inflightMessages: chance(0.5) ? integerBetween(random, 1, 4) : 256,
    inflightBytes: limited && chance(0.7) ? integerBetween(random, 4, 12) : 0,
    uncommittedBytes: limited && chance(0.7) ? integerBetween(random, 8, 40) : 0,
    changes,
  };
}

/** Plays a seed against our core: about `length` events, and after each stretch of them all that is under way arrives. */
export function playSeed(seed: number, length: number, createCore: CoreFactory): Run {
  const setup = setupOf(seed);
  const schedule = new Schedule(setup, seed, createCore);
  let failure: string | undefined;
  try {
    while (schedule.events.length < length) schedule.stretch();
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const { events, texts, seen } = schedule;
  return { ...setup, seed, events, texts, failure, seen };
}

class Schedule {
  readonly events: Event[] = [];
  readonly texts: string[] = [];
  readonly #world: World;
  readonly #random: Random;
  readonly #held = new Set<number>();
  readonly #holdPart: number;
  #proposals = 0;

  constructor(setup: Setup, seed: number, createCore: CoreFactory) {
    this.#random = seededRandom(seed ^ 0x5eed);
    this.#holdPart = this.#chance(0.4) ? 0.4 : 0;
    this.#world = new World(setup, createCore);
  }

  get seen(): ReadonlySet<string> {
    return this.#world.seen;
  }

  stretch(): void {
    const weather = this.#pick(WEATHERS) as Weather;
    const isolated = this.#chance(0.4) ? this.#pick(this.#world.setup.members) : undefined;
    const count = integerBetween(this.#random, 15, 70);
    for (let i = 0; i < count; i++) this.#step(weather, isolated);
    this.#settle();
    this.#do({ op: 'compare' });
  }

  #do(event: Event): void {
    this.events.push(event);
    this.texts.push(this.#world.do(event));
  }

  /** Something happens to a member of which its driver may hear only with what happens next. */
  #tell(event: Event & { readonly node: number }): void {
    this.#hear(event, event.node);
  }

  #hear(event: Event, node: number): void {
    const hold = this.#chance(this.#holdPart);
    if (hold) this.#held.add(node);
    else this.#held.delete(node);
    this.#do(hold ? { ...event, hold } : event);
  }

  /** The driver of a member hears of all that has happened to it. */
  #catchUp(node: number): void {
    if (this.#held.delete(node)) this.#do({ op: 'tick', node, count: 0 });
  }

  #step(weather: Weather, isolated: number | undefined): void {
    const crowded = this.#flights().reduce((sum, { messages }) => sum + messages.length, 0);
    const calls: [number, () => void][] = [
      [weather.deliver, () => this.#deliver(weather, isolated)],
      [weather.lose, () => this.#lose()],
      [weather.work, () => this.#work()],
      [weather.crash, () => this.#crash()],
      [weather.restart, () => this.#restart()],
      [weather.compact, () => this.#compact()],
    ];
    if (crowded < FLIGHTS_MAX) {
      calls.push(
        [weather.tick, () => this.#tick()],
        [this.#isLeaderless(isolated) ? 12 : weather.campaign, () => this.#campaign(isolated)],
        [weather.propose, () => this.#propose()],
        [weather.change, () => this.#change()],
        [weather.odd, () => this.#odd()],
        [weather.read, () => this.#read()],
      );
    }
    let at = this.#random.next() * calls.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, call] of calls) {
      at -= weight;
      if (at < 0) return call();
    }
  }

  /** Everything arrives and everything is written and applied, in some order, until nothing is left. */
  #settle(): void {
    for (const id of this.#world.setup.members) this.#catchUp(id);
    for (let i = 0; i < SETTLE_EVENTS_MAX; i++) {
      const busy = this.#up().filter(({ writes, applies }) => writes.length + applies.length > 0);
      if (this.#flights().length === 0 && busy.length === 0) {
        if (this.#held.size === 0) return;
        for (const id of this.#world.setup.members) this.#catchUp(id);
        continue;
      }
      if (busy.length > 0 && (this.#flights().length === 0 || this.#chance(0.4))) this.#work();
      else this.#deliver(CALM, undefined);
    }
    throw new Error('the members never come to rest');
  }

  #deliver(weather: Weather, isolated: number | undefined): void {
    const flights = this.#pick(this.#flights());
    if (flights === undefined) return;
    const { from, to, messages } = flights;
    const late = this.#chance(weather.reorder);
    const position = late ? integerBetween(this.#random, 0, messages.length - 1) : 0;
    const message = messages[position] as Message;
    const receiver = this.#world.member(to);
    const cut = isolated !== undefined && (from === isolated || to === isolated);
    if (receiver.core === undefined || cut || !mayDeliver(this.#world.setup, receiver, message)) {
      return this.#do({ op: 'drop', from, to, position });
    }
    if (mustFlushFirst(receiver, message)) this.#flush(receiver);
    const keep = this.#chance(weather.repeat / 60);
    this.#hear({ op: 'deliver', from, to, position, keep }, to);
  }

  #lose(): void {
    const flights = this.#pick(this.#flights());
    if (flights === undefined) return;
    const { from, to, messages } = flights;
    const position = integerBetween(this.#random, 0, messages.length - 1);
    this.#do({ op: 'drop', from, to, position });
  }

  #work(): void {
    const member = this.#pick(
      this.#up().filter(({ writes, applies }) => writes.length + applies.length > 0),
    );
    if (member === undefined) return;
    const node = member.id;
    // A snapshot that came meanwhile would replace what is applied.
    this.#catchUp(node);
    const { writes, applies } = member;
    const writing = writes.length > 0 && (applies.length === 0 || this.#chance(0.5));
    if (writing && !mustApplyFirst(member)) this.#tell({ op: 'persist', node });
    else if (applies.length > 0) this.#do({ op: 'apply', node });
  }

  #flush(member: Member): void {
    this.#catchUp(member.id);
    while (member.writes.length > 0) this.#do({ op: 'persist', node: member.id });
    while (member.applies.length > 0) this.#do({ op: 'apply', node: member.id });
  }

  #crash(): void {
    const member = this.#pick(this.#up());
    if (member === undefined) return;
    const count = integerBetween(this.#random, 0, member.writes.length);
    this.#held.delete(member.id);
    this.#do({ op: 'crash', node: member.id, count });
  }

  #restart(): void {
    const member = this.#pick([...this.#world.members.values()].filter(({ core }) => !core));
    if (member !== undefined) this.#do({ op: 'restart', node: member.id });
  }

  #compact(): void {
    const member = this.#pick(this.#up());
    if (member === undefined) return;
    this.#catchUp(member.id);
    const { firstIndex, appliedIndex } = coreOf(member).status();
    // A log that ends before it begins is one whose snapshot is still being installed.
    if (appliedIndex < firstIndex - 1 || appliedIndex <= member.snapshotIndex) return;
    const through = integerBetween(this.#random, firstIndex - 1, appliedIndex);
    this.#do({ op: 'compact', node: member.id, index: appliedIndex, through });
  }

  #tick(): void {
    const member = this.#pick(this.#up());
    if (member === undefined) return;
    const long = this.#chance(0.25);
    const count = integerBetween(this.#random, 1, long ? this.#world.setup.electionTicks + 2 : 3);
    if (mustStayFirst(member)) this.#tell({ op: 'transfer', node: member.id, peer: member.id });
    this.#tell({ op: 'tick', node: member.id, count });
  }

  /** Whoever is cut off goes on leading nobody, and its log goes its own way. */
  #isLeaderless(isolated: number | undefined): boolean {
    return this.#leaders().every(({ id }) => id === isolated);
  }

  #campaign(isolated: number | undefined): void {
    const member = this.#pick(this.#up().filter(({ id }) => id !== isolated || this.#chance(0.2)));
    if (member !== undefined) this.#tell({ op: 'campaign', node: member.id });
  }

  #propose(): void {
    const member = this.#leaderOrAnyone();
    if (member === undefined || !mayPropose(member)) return;
    const data = Array.from(
      { length: this.#chance(0.2) ? 3 : 1 },
      () => `c${(this.#proposals += 1)}`,
    );
    this.#tell({ op: 'propose', node: member.id, data });
  }

  #change(): void {
    if (!this.#world.setup.changes) return;
    const member = this.#leaderOrAnyone();
    if (member === undefined || !mayChange(member)) return;
    const { configuration } = coreOf(member).status();
    const joint = configuration.votersOutgoing.length > 0;
    const node = member.id;
    if (this.#chance(joint ? 0.6 : 0.03)) {
      return this.#tell({ op: 'change', node, transition: 'auto', changes: [] });
    }
    for (let i = 0; i < 5; i++) {
      const event = this.#someChange(node);
      // What cannot be applied must not get into etcd's log, where it is fatal.
      if (joint || applyChange(configuration, changeOf(event)).ok) return this.#tell(event);
    }
  }

  /** No member twice: one that is removed and added at once keeps its progress here, and begins anew in etcd's. */
  #someChange(node: number): ChangeEvent {
    const count = this.#chance(0.5) ? 1 : integerBetween(this.#random, 1, 3);
    const ids = shuffled(this.#random, this.#world.setup.members).slice(0, count);
    return {
      op: 'change',
      node,
      transition: this.#pick([
        'auto',
        'auto',
        'joint-implicit',
        'joint-explicit',
      ] as const) as 'auto',
      changes: ids.map((id) => ({
        type: this.#pick(['add-voter', 'add-voter', 'add-learner', 'remove'] as const) as 'remove',
        id,
      })),
    };
  }

  /** What a driver does rarely. */
  #odd(): void {
    const leader = this.#pick(this.#leaders());
    const member = this.#pick(this.#up());
    const peer = this.#pick(this.#world.setup.members) as number;
    if (member === undefined) return;
    switch (integerBetween(this.#random, 0, 4)) {
      case 0:
        return this.#tell({ op: 'transfer', node: (leader ?? member).id, peer });
      case 1:
        return this.#tell({ op: 'transfer', node: member.id, peer });
      case 2:
        return this.#tell({ op: 'forget', node: member.id });
      case 3:
        return this.#tell({ op: 'unreachable', node: (leader ?? member).id, peer });
      default: {
        const node = (leader ?? member).id;
        const waiting = coreOf(leader ?? member)
          .progress()
          .filter(({ state }) => state === 'snapshot');
        const to = Number(this.#pick(waiting)?.id ?? peer);
        this.#tell({ op: 'snapshot-reported', node, peer: to, arrived: this.#chance(0.5) });
      }
    }
  }

  #read(): void {
    if (this.#world.setup.changes) return;
    const member = this.#leaderOrAnyone();
    if (member === undefined || !mayRead(member)) return;
    this.#tell({ op: 'read', node: member.id, data: [`r${(this.#proposals += 1)}`] });
  }

  #leaderOrAnyone(): Member | undefined {
    return this.#chance(0.9)
      ? (this.#pick(this.#leaders()) ?? this.#pick(this.#up()))
      : this.#pick(this.#up());
  }

  #leaders(): Member[] {
    return this.#up().filter((member) => coreOf(member).status().role === 'leader');
  }

  #up(): Member[] {
    return [...this.#world.members.values()].filter(({ core }) => core !== undefined);
  }

  #flights(): Flights[] {
    return [...this.#world.flights.values()].filter(({ messages }) => messages.length > 0);
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[integerBetween(this.#random, 0, items.length - 1)];
  }

  #chance(part: number): boolean {
    return this.#random.next() < part;
  }
}
