/** Drives the pure protocol with a clock and a transport, and tells listeners what changed. */
import type { Clock, Random } from '../std/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import type { GossipRequest, GossipResponse, Member, MemberChange } from './core/model.ts';
import { Swim, type SwimEffect, type SwimEvent } from './core/swim.ts';
import { createGossipMetrics } from './metrics.ts';
import { CallFailure, type GossipTransport } from './ports.ts';
import { DEFAULTS, type GossipOptions, type Membership } from './types.ts';

/** The seeds are asked for again so often, in case names or peers have changed. */
const SEEDS_INTERVAL_MS = 10_000;
const GOODBYE_TIMEOUT_MS = 1_000;
/** JSON bytes of a member's meta. */
const META_BYTES_MAX = 512;

export interface MembershipOptions {
  /** `meta.instance` must be random per process; it is made up here when it is not given. */
  readonly self: {
    readonly id: string;
    readonly address: string;
    readonly meta?: Readonly<Record<string, string>>;
  };
  /** Addresses (`host:port`) where members may be found; a rejection is retried later. */
  readonly seeds: () => Promise<readonly string[]>;
  readonly transport: GossipTransport;
  readonly config: GossipOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The membership of one node on any transport; see {@link Membership}. */
export function createMembership(options: MembershipOptions): Membership {
  return new Driver(options);
}

class Driver implements Membership {
  readonly #options: MembershipOptions;
  readonly #swim: Swim;
  readonly #metrics: ReturnType<typeof createGossipMetrics>;
  readonly #listeners = new Set<(change: MemberChange) => void>();
  readonly #answers = new Map<number, (response: GossipResponse) => void>();
  #lastRequestId = 0;
  #state: 'new' | 'running' | 'stopped' = 'new';
  #cancelTick: () => void = () => undefined;
  #cancelSeeds: () => void = () => undefined;
  #goodbyeHeard: () => void = () => undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const { self, config, random, clock, metrics, transport } = options;
    const instance = Buffer.from(random.bytes(8)).toString('hex');
    const meta = checkedMeta({ instance, ...self.meta });
    // The wall clock puts a restarted member above its former life; when it was set back, the others' objection does.
    const boot = Math.floor(clock.wall());
    this.#swim = new Swim({
      self: { ...self, meta, state: 'alive', incarnation: boot, version: boot, load: 0 },
      config: { ...DEFAULTS, ...config },
      random,
    });
    this.#metrics = createGossipMetrics(metrics);
    transport.serve((request) => this.#onRequest(request));
  }

  self(): Member {
    return toMember(this.#swim.roster.self);
  }

  members(): readonly Member[] {
    return this.#swim.roster
      .all()
      .map(toMember)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  onChange(listener: (change: MemberChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setLoad(load: number): void {
    if (!Number.isFinite(load) || load < 0) throw new RangeError(`not a load: ${load}`);
    if (load !== this.#swim.roster.self.load) void this.#step({ type: 'describe', load });
  }

  setMeta(meta: Readonly<Record<string, string>>): void {
    const known = this.#swim.roster.self.meta;
    if (Object.entries(meta).every(([key, value]) => known[key] === value)) return;
    void this.#step({ type: 'describe', meta: checkedMeta({ ...known, ...meta }) });
  }

  reportRefused(id: string): void {
    if (this.#state === 'running') void this.#step({ type: 'refused', id });
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    await this.#refreshSeeds();
  }

  async leave(): Promise<void> {
    if (this.#state !== 'running' || this.#swim.roster.self.state === 'left') return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.schedule(GOODBYE_TIMEOUT_MS, resolve);
      this.#goodbyeHeard = () => {
        cancel();
        resolve();
      };
      void this.#step({ type: 'leave' });
    });
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#cancelTick();
    this.#cancelSeeds();
    this.#goodbyeHeard();
    this.#options.transport.stop();
    await Promise.resolve();
  }

  async #refreshSeeds(): Promise<void> {
    const { seeds, clock, logger } = this.#options;
    const addresses = await seeds().catch((error: unknown) => {
      logger.warn('seeds of the membership are unknown for now', { error });
      return undefined;
    });
    if (this.#state === 'stopped') return;
    this.#cancelSeeds = clock.schedule(SEEDS_INTERVAL_MS, () => void this.#refreshSeeds());
    await this.#step(addresses === undefined ? { type: 'tick' } : { type: 'seeds', addresses });
  }

  /** Resolves when every call that the event caused is settled. */
  async #step(event: SwimEvent): Promise<void> {
    if (this.#state === 'stopped') return;
    const { clock } = this.#options;
    const effects = this.#swim.step(event, clock.monotonic());
    if (this.#state === 'running') this.#scheduleTick();
    await Promise.all(effects.map((effect) => this.#perform(effect)));
  }

  #scheduleTick(): void {
    const { clock } = this.#options;
    const wakeAt = this.#swim.nextWakeAt();
    this.#cancelTick();
    if (wakeAt === Infinity) return;
    this.#cancelTick = clock.schedule(
      wakeAt - clock.monotonic(),
      () => void this.#step({ type: 'tick' }),
    );
  }

  async #perform(effect: SwimEffect): Promise<void> {
    switch (effect.type) {
      case 'changed':
        this.#tell(effect.change);
        return;
      case 'answer':
        this.#answers.get(effect.requestId)?.(effect.response);
        this.#answers.delete(effect.requestId);
        return;
      case 'goodbye-heard':
        this.#goodbyeHeard();
        return;
      case 'call':
        await this.#call(effect);
    }
  }

  async #call(call: Extract<SwimEffect, { type: 'call' }>): Promise<void> {
    const { callId, address, request, timeoutMs } = call;
    let event: SwimEvent;
    try {
      const response = await this.#options.transport.call(address, request, timeoutMs);
      event = { type: 'response', callId, response };
      this.#metrics.called(request.kind, 'answered');
    } catch (error) {
      const refused = error instanceof CallFailure && error.refused;
      event = { type: 'failed', callId, refused };
      this.#metrics.called(request.kind, refused ? 'refused' : 'failed');
    }
    // What the answer causes is not waited for: a chain of calls has no end.
    void this.#step(event);
  }

  #onRequest(request: GossipRequest): Promise<GossipResponse> {
    if (this.#state !== 'running') {
      return Promise.reject(new CallFailure('the membership does not run', false));
    }
    this.#lastRequestId += 1;
    const requestId = this.#lastRequestId;
    return new Promise((resolve) => {
      this.#answers.set(requestId, resolve);
      void this.#step({ type: 'request', requestId, request });
    });
  }

  #tell(change: MemberChange): void {
    const { kind } = change;
    const { id, state, incarnation, address } = change.member;
    if (kind !== 'updated') {
      this.#options.logger.info('member changed', { kind, id, state, incarnation, address });
    }
    this.#metrics.changed(kind, this.members());
    const plain = {
      kind,
      member: toMember(change.member),
      ...(change.previous === undefined ? {} : { previous: toMember(change.previous) }),
    };
    for (const listener of [...this.#listeners]) {
      try {
        listener(plain);
      } catch (error) {
        this.#options.logger.error('a membership listener failed', { error });
      }
    }
  }
}

function toMember({ id, address, state, incarnation, load, meta }: Member): Member {
  return { id, address, state, incarnation, load, meta };
}

function checkedMeta(meta: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const bytes = new TextEncoder().encode(JSON.stringify(meta)).length;
  if (bytes > META_BYTES_MAX) throw new RangeError(`meta of ${bytes} bytes, max ${META_BYTES_MAX}`);
  return meta;
}
