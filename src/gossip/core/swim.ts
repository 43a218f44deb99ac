/**
 * SWIM as a state machine: `step(event, now)` returns what to do. The driver must answer every `call` effect with exactly one
 * `response` or `failed` event, and step with `tick` at {@link Swim.nextWakeAt}. Time is monotonic ms; chance is an argument.
 */
import { shuffled, unreachable, type Random } from '../../std/index.ts';
import type {
  GossipConfig,
  GossipRequest,
  GossipResponse,
  MemberChange,
  MemberRecord,
  ProbeOutcome,
} from './model.ts';
import { Prober, type ProbeStep } from './prober.ts';
import { Roster } from './roster.ts';

export type SwimEvent =
  | { readonly type: 'tick' }
  /** Addresses where members may be found; replaces the earlier ones. */
  | { readonly type: 'seeds'; readonly addresses: readonly string[] }
  | { readonly type: 'request'; readonly requestId: number; readonly request: GossipRequest }
  | { readonly type: 'response'; readonly callId: number; readonly response: GossipResponse }
  | { readonly type: 'failed'; readonly callId: number; readonly refused: boolean }
  /** Somebody's connection to the member was refused. */
  | { readonly type: 'refused'; readonly id: string }
  | { readonly type: 'describe'; readonly load?: number; readonly meta?: MemberRecord['meta'] }
  | { readonly type: 'leave' };

export type SwimEffect =
  | {
      readonly type: 'call';
      readonly callId: number;
      readonly address: string;
      readonly request: GossipRequest;
      readonly timeoutMs: number;
    }
  | { readonly type: 'answer'; readonly requestId: number; readonly response: GossipResponse }
  | { readonly type: 'changed'; readonly change: MemberChange }
  /** Enough others have heard that we leave, or nobody is left to hear it. */
  | { readonly type: 'goodbye-heard' };

/** Why a call was made, so that its answer finds its way. */
type Purpose =
  | { readonly type: 'probe'; readonly target: string }
  | { readonly type: 'ask'; readonly target: string }
  | { readonly type: 'on-behalf'; readonly target: string; readonly of: RelayRequest }
  | { readonly type: 'sync' }
  | { readonly type: 'news' }
  | { readonly type: 'goodbye' };

interface RelayRequest {
  readonly requestId: number;
  readonly from: string;
}

type Body = Pick<GossipRequest, 'kind'> & { targetId?: string; targetAddress?: string };

/** Local health: each unanswered call for help makes us wait longer before we blame others, up to this factor - 1. */
const HEALTH_MAX = 4;
/** Members told directly that we leave. */
const GOODBYES_MAX = 64;

export interface SwimOptions {
  readonly self: MemberRecord;
  readonly config: GossipConfig;
  readonly random: Random;
}

export class Swim {
  readonly roster: Roster;
  readonly #config: GossipConfig;
  readonly #random: Random;
  readonly #prober: Prober;
  readonly #calls = new Map<number, Purpose>();
  #effects: SwimEffect[] = [];
  #lastCallId = 0;
  #seeds: readonly string[] = [];
  #rotation: string[] = [];
  #nextProbeAt: number | undefined;
  #nextSyncAt = 0;
  #nextNewsAt = Infinity;
  #wakeAt = Infinity;
  #health = 0;
  #goodbyes = 0;

  constructor({ self, config, random }: SwimOptions) {
    this.#config = config;
    this.#random = random;
    this.roster = new Roster({ self, ...config });
    this.#prober = new Prober(config);
  }

  /** When the next `tick` is due. */
  nextWakeAt(): number {
    return this.#wakeAt;
  }

  step(event: SwimEvent, now: number): readonly SwimEffect[] {
    const late = now - this.#wakeAt;
    if (late > this.#config.probeIntervalMs) this.#wasPaused(late);
    this.#handle(event, now);
    this.#doDue(now);
    for (const change of this.roster.changes.splice(0)) {
      this.#effects.push({ type: 'changed', change });
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** This process did not run: that calls failed and suspicions ran out in that time proves nothing about others. */
  #wasPaused(lateMs: number): void {
    this.roster.postpone(lateMs);
    this.#prober.abandon();
  }

  #handle(event: SwimEvent, now: number): void {
    switch (event.type) {
      case 'tick':
        return;
      case 'seeds':
        this.#seeds = event.addresses;
        return;
      case 'request':
        return this.#onRequest(event.requestId, event.request, now);
      case 'response':
        this.roster.learn(event.response.records, now);
        return this.#onSettled(event.callId, event.response, false, now);
      case 'failed':
        return this.#onSettled(event.callId, undefined, event.refused, now);
      case 'refused':
        return this.#probe(this.roster.get(event.id));
      case 'describe': {
        const { type: _, ...description } = event;
        return this.roster.describeSelf(description);
      }
      case 'leave':
        return this.#leave();
      default:
        return unreachable(event);
    }
  }

  #doDue(now: number): void {
    if (this.roster.self.state === 'left') {
      this.#wakeAt = Infinity;
      return;
    }
    // The first probe comes at a random instant, so that members that start together do not probe in step.
    this.#nextProbeAt ??= now + this.#random.next() * this.#config.probeIntervalMs;
    if (now >= this.#nextProbeAt) {
      this.#probe(this.#nextInRotation());
      this.#nextProbeAt = now + this.#config.probeIntervalMs;
    }
    if (now >= this.#nextSyncAt) {
      this.#sync();
      const { pushPullIntervalMs, probeIntervalMs } = this.#config;
      const alone = this.roster.live().length === 0;
      this.#nextSyncAt = now + (alone ? probeIntervalMs : pushPullIntervalMs);
    }
    this.roster.expire(now);
    if (this.roster.urgent || now >= this.#nextNewsAt) this.#spread(now);
    this.#wakeAt = Math.min(
      this.#nextProbeAt,
      this.#nextSyncAt,
      this.#nextNewsAt,
      this.roster.nextDeadline(),
    );
  }

  /** Round-robin over a shuffled list: every live member is probed once per round. */
  #nextInRotation(): MemberRecord | undefined {
    const live = this.roster.live();
    for (let refilled = false; ; refilled = true) {
      while (this.#rotation.length > 0) {
        const id = this.#rotation.pop();
        const member = live.find((candidate) => candidate.id === id);
        if (member !== undefined) return member;
      }
      if (refilled) return undefined;
      this.#rotation = shuffled(
        this.#random,
        live.map(({ id }) => id),
      );
    }
  }

  #probe(member: MemberRecord | undefined): void {
    if (member === undefined || member.id === this.roster.self.id) return;
    if (member.state !== 'alive' && member.state !== 'suspect') return;
    if (!this.#prober.begin(member.id)) return;
    const { id, address } = member;
    this.#call({ type: 'probe', target: id }, id, address, { kind: 'ping', targetId: id });
  }

  #onProbeStep(target: string, step: ProbeStep, now: number): void {
    if (step.type === 'waiting') return;
    if (step.type === 'ask-relays') return this.#askRelays(target, now);
    if (step.verdict === 'alive') this.#health = Math.max(0, this.#health - 1);
    else this.roster.declare(target, step.verdict, now);
    if (step.relaysMissing > 0) this.#health = Math.min(HEALTH_MAX, this.#health + 1);
  }

  #askRelays(target: string, now: number): void {
    const address = this.roster.get(target)?.address ?? '';
    const able = this.roster.others().filter(({ id, state }) => state === 'alive' && id !== target);
    const relays = shuffled(this.#random, able).slice(0, this.#config.indirectProbes);
    this.#onProbeStep(target, this.#prober.onAsked(target, relays.length), now);
    for (const relay of relays) {
      const body = { kind: 'relay', targetId: target, targetAddress: address } as const;
      this.#call({ type: 'ask', target }, relay.id, relay.address, body, 2);
    }
  }

  /** Full exchanges: with somebody live, with somebody believed dead (partitions heal), and with seeds nobody lives at. */
  #sync(): void {
    const live = this.roster.live();
    const dead = this.roster.others().filter(({ state }) => state === 'dead');
    const taken = new Set([...live, this.roster.self].map(({ address }) => address));
    const unknown = this.#seeds.filter((address) => !taken.has(address));
    const addresses = new Set([
      ...this.#pick(live, 1).map(({ address }) => address),
      ...this.#pick(dead, 1).map(({ address }) => address),
      ...this.#pick(unknown, live.length === 0 ? this.#config.fanout : 1),
    ]);
    for (const address of addresses) {
      this.#send({ type: 'sync' }, address, this.#request({ kind: 'sync' }, this.roster.all()), 5);
    }
  }

  /** Tells news of somebody's state at once, and again in rounds until it has been told often enough. */
  #spread(now: number): void {
    this.roster.urgent = false;
    for (const { id, address } of this.#pick(this.roster.live(), this.#config.fanout)) {
      this.#call({ type: 'news' }, id, address, { kind: 'news' });
    }
    const again = this.roster.hasHotNews && this.roster.live().length > 0;
    this.#nextNewsAt = again ? now + this.#config.probeIntervalMs / 2 : Infinity;
  }

  #leave(): void {
    if (this.roster.self.state === 'left') return;
    this.roster.leave();
    const others = this.#pick(this.roster.live(), GOODBYES_MAX);
    this.#goodbyes = others.length;
    if (others.length === 0) this.#effects.push({ type: 'goodbye-heard' });
    for (const { id, address } of others) {
      this.#call({ type: 'goodbye' }, id, address, { kind: 'news' }, 5);
    }
  }

  #onRequest(requestId: number, request: GossipRequest, now: number): void {
    const { from } = request;
    this.roster.learn(request.records, now);
    if (request.kind === 'relay') {
      const { targetId: target, targetAddress } = request;
      const purpose: Purpose = { type: 'on-behalf', target, of: { requestId, from } };
      return this.#call(purpose, target, targetAddress, { kind: 'ping', targetId: target });
    }
    if (request.kind === 'sync') {
      return this.#answer(requestId, 'ok', this.roster.all());
    }
    // A ping for somebody else reached us because we have his address now: he is not here.
    const misled = request.kind === 'ping' && request.targetId !== this.roster.self.id;
    this.#answer(requestId, misled ? 'silent' : 'ok', this.roster.recordsFor(from));
  }

  #onSettled(
    callId: number,
    response: GossipResponse | undefined,
    refused: boolean,
    now: number,
  ): void {
    const purpose = this.#calls.get(callId);
    if (purpose === undefined) return;
    this.#calls.delete(callId);
    switch (purpose.type) {
      case 'probe': {
        const outcome = outcomeOf(purpose.target, response, refused);
        const step = this.#prober.onDirect(purpose.target, outcome);
        return this.#onProbeStep(purpose.target, step, now);
      }
      case 'ask': {
        const step = this.#prober.onRelay(purpose.target, response?.outcome ?? 'missing');
        return this.#onProbeStep(purpose.target, step, now);
      }
      case 'on-behalf': {
        const { requestId, from } = purpose.of;
        const outcome = outcomeOf(purpose.target, response, refused);
        return this.#answer(requestId, outcome, this.roster.recordsFor(from));
      }
      case 'sync':
        if (response !== undefined) this.roster.joined = true;
        return;
      case 'goodbye':
        this.#goodbyes -= 1;
        if (this.#goodbyes === 0) this.#effects.push({ type: 'goodbye-heard' });
        return;
      case 'news':
        return;
      default:
        return unreachable(purpose);
    }
  }

  #answer(requestId: number, outcome: ProbeOutcome, records: readonly MemberRecord[]): void {
    const response = { from: this.roster.self.id, outcome, records };
    this.#effects.push({ type: 'answer', requestId, response });
  }

  #call(purpose: Purpose, to: string, address: string, body: Body, patience = 1): void {
    this.#send(purpose, address, this.#request(body, this.roster.recordsFor(to)), patience);
  }

  #request(body: Body, records: readonly MemberRecord[]): GossipRequest {
    return { ...body, from: this.roster.self.id, records } as GossipRequest;
  }

  /** `patience`: how many probe time-outs the call may take. */
  #send(purpose: Purpose, address: string, request: GossipRequest, patience: number): void {
    this.#lastCallId += 1;
    const callId = this.#lastCallId;
    const timeoutMs = this.#config.probeTimeoutMs * patience * (1 + this.#health);
    this.#calls.set(callId, purpose);
    this.#effects.push({ type: 'call', callId, address, request, timeoutMs });
  }

  #pick<T>(items: readonly T[], count: number): readonly T[] {
    return shuffled(this.#random, items).slice(0, count);
  }
}

/** Somebody else at the target's address says nothing about the target's process, only that it does not answer there. */
function outcomeOf(
  target: string,
  response: GossipResponse | undefined,
  refused: boolean,
): ProbeOutcome {
  if (response !== undefined) return response.from === target ? response.outcome : 'silent';
  return refused ? 'refused' : 'silent';
}
