/**
 * Members in virtual time on a network with latency, loss, partitions and two ways to die: a process that is gone refuses
 * connections, a machine that is gone is silent. Everything follows from the seed.
 */
import { seededRandom, type Random } from '../../src/std/index.ts';
import type {
  GossipConfig,
  GossipRequest,
  GossipResponse,
  MemberChange,
  MemberRecord,
  MemberState,
} from '../../src/gossip/core/model.ts';
import { Swim, type SwimEffect, type SwimEvent } from '../../src/gossip/core/swim.ts';

/** The configuration the operator writes by default. */
export const CONFIG: GossipConfig = {
  probeIntervalMs: 200,
  probeTimeoutMs: 100,
  suspicionMs: 600,
  fanout: 3,
  indirectProbes: 3,
  pushPullIntervalMs: 2000,
  forgetAfterMs: 60_000,
  refusedIsDeath: true,
};

export interface SimulationOptions {
  readonly seed: number;
  readonly ids: readonly string[];
  readonly config?: Partial<GossipConfig>;
  /** Probability that a request or an answer is lost. */
  readonly loss?: number;
  /** One way, uniform between 1 and this; default 5. */
  readonly latencyMsMax?: number;
}

interface Machine {
  readonly id: string;
  readonly instance: string;
  readonly swim: Swim;
  condition: 'running' | 'refusing' | 'silent';
}

export interface Seen {
  readonly at: number;
  readonly by: string;
  readonly change: MemberChange;
}

export class Simulation {
  now = 0;
  readonly seen: Seen[] = [];
  loss: number;
  readonly #random: Random;
  readonly #config: GossipConfig;
  readonly #latencyMsMax: number;
  readonly #machines = new Map<string, Machine>();
  readonly #addresses: readonly string[];
  #queue: { at: number; run: () => void }[] = [];
  #side = new Map<string, number>();
  #instances = 0;

  constructor(options: SimulationOptions) {
    this.#random = seededRandom(options.seed);
    this.#config = { ...CONFIG, ...options.config };
    this.#latencyMsMax = options.latencyMsMax ?? 5;
    this.loss = options.loss ?? 0;
    this.#addresses = options.ids.map(addressOf);
    for (const id of options.ids) this.start(id);
  }

  /** Starts a member, or starts it again: a new process that remembers nothing. */
  start(id: string): void {
    this.#instances += 1;
    const instance = `i${this.#instances}`;
    // The incarnation begins with the wall clock, which may have been set back since the member's last life.
    const setBack = this.#random.next() < 0.5;
    const boot = setBack ? Math.floor(this.#random.next() * 1e6) : 2e6 + Math.ceil(this.now);
    const self: MemberRecord = {
      id,
      address: addressOf(id),
      state: 'alive',
      incarnation: boot,
      version: boot,
      load: 0,
      meta: { instance },
    };
    const swim = new Swim({ self, config: this.#config, random: this.#random });
    const machine: Machine = { id, instance, swim, condition: 'running' };
    this.#machines.set(id, machine);
    this.#step(machine, { type: 'seeds', addresses: this.#addresses });
  }

  /** Ends a member's process; `silent` = its machine is gone too, so nobody refuses. */
  crash(id: string, condition: 'refusing' | 'silent'): void {
    this.#machine(id).condition = condition;
  }

  /** Members of different groups cannot reach each other. */
  partition(...groups: readonly (readonly string[])[]): void {
    this.#side = new Map(groups.flatMap((group, side) => group.map((id) => [id, side] as const)));
  }

  heal(): void {
    this.#side.clear();
  }

  tell(id: string, event: SwimEvent): void {
    this.#step(this.#machine(id), event);
  }

  run(durationMs: number): void {
    const end = this.now + durationMs;
    for (;;) {
      const next = this.#queue.reduce<{ at: number; run: () => void } | undefined>(
        (first, item) => (first === undefined || item.at < first.at ? item : first),
        undefined,
      );
      if (next === undefined || next.at > end) break;
      this.#queue.splice(this.#queue.indexOf(next), 1);
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  running(): readonly string[] {
    return [...this.#machines.values()]
      .filter(({ condition }) => condition === 'running')
      .map(({ id }) => id);
  }

  view(by: string): readonly MemberRecord[] {
    return [...this.#machine(by).swim.roster.all()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  state(by: string, id: string): MemberState | undefined {
    return this.#machine(by).swim.roster.get(id)?.state;
  }

  /** True when every running member believes that all running members, and nobody else, are alive. */
  agrees(): boolean {
    const running = this.running();
    return (
      running.every((by) =>
        this.view(by).every(({ id, state }) => (state === 'alive') === running.includes(id)),
      ) && running.every((by) => running.every((id) => this.state(by, id) === 'alive'))
    );
  }

  /** True when all running members hold equal records of each other. */
  converged(): boolean {
    const running = this.running();
    const views = running.map((by) =>
      JSON.stringify(this.view(by).filter(({ id }) => running.includes(id))),
    );
    return new Set(views).size <= 1;
  }

  /** What happened from `since` on, as `kind id`. */
  changes(since: number, kind?: MemberChange['kind']): readonly Seen[] {
    return this.seen.filter(
      ({ at, change }) => at >= since && (kind === undefined || change.kind === kind),
    );
  }

  #machine(id: string): Machine {
    const machine = this.#machines.get(id);
    if (machine === undefined) throw new Error(`no member ${id}`);
    return machine;
  }

  #at(delayMs: number, run: () => void): void {
    this.#queue.push({ at: this.now + delayMs, run });
  }

  #step(machine: Machine, event: SwimEvent): void {
    if (machine.condition !== 'running' || this.#machines.get(machine.id) !== machine) return;
    const effects = machine.swim.step(event, this.now);
    for (const effect of effects) this.#perform(machine, effect);
    const wakeAt = machine.swim.nextWakeAt();
    if (wakeAt === Infinity) return;
    this.#at(Math.max(0, wakeAt - this.now), () => {
      if (machine.swim.nextWakeAt() <= this.now) this.#step(machine, { type: 'tick' });
    });
  }

  #answers = new Map<number, (response: GossipResponse) => void>();
  #lastRequest = 0;

  #perform(machine: Machine, effect: SwimEffect): void {
    switch (effect.type) {
      case 'changed':
        this.seen.push({ at: this.now, by: machine.id, change: effect.change });
        return;
      case 'answer':
        this.#answers.get(effect.requestId)?.(effect.response);
        return;
      case 'call':
        return this.#call(machine, effect);
      case 'goodbye-heard':
        return;
    }
  }

  #call(machine: Machine, call: Extract<SwimEffect, { type: 'call' }>): void {
    let settled = false;
    const settle = (event: SwimEvent): void => {
      if (settled) return;
      settled = true;
      this.#step(machine, event);
    };
    this.#at(call.timeoutMs, () => settle({ type: 'failed', callId: call.callId, refused: false }));
    const to = idOf(call.address);
    if (this.#isLost(machine.id, to)) return;
    this.#at(this.#latency(), () =>
      this.#deliver(machine.id, to, copy(call.request), settle, call.callId),
    );
  }

  #deliver(
    from: string,
    to: string,
    request: GossipRequest,
    settle: (event: SwimEvent) => void,
    callId: number,
  ): void {
    const target = this.#machines.get(to);
    if (target === undefined || target.condition === 'silent') return;
    if (target.condition === 'refusing') {
      return this.#at(this.#latency(), () => settle({ type: 'failed', callId, refused: true }));
    }
    this.#lastRequest += 1;
    const requestId = this.#lastRequest;
    this.#answers.set(requestId, (response) => {
      this.#answers.delete(requestId);
      if (this.#isLost(to, from)) return;
      this.#at(this.#latency(), () =>
        settle({ type: 'response', callId, response: copy(response) }),
      );
    });
    this.#step(target, { type: 'request', requestId, request });
  }

  #isLost(from: string, to: string): boolean {
    return this.#side.get(from) !== this.#side.get(to) || this.#random.next() < this.loss;
  }

  #latency(): number {
    return 1 + this.#random.next() * (this.#latencyMsMax - 1);
  }
}

const addressOf = (id: string): string => `${id}.peers:7000`;
const idOf = (address: string): string => address.replace('.peers:7000', '');
const copy = <T>(value: T): T => structuredClone(value);
