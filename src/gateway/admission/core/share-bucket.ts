/**
 * One key of a rate limit that many pods enforce together: this pod's copy of the cluster's token bucket, and how much of it
 * this pod may spend before it hears from the others again.
 *
 * Every pod keeps the whole bucket (`tokens`) by counting what all have admitted, and spends only its share of it, so that
 * what is over at one pod is found by all at the next exchange. Shares follow demand. The share of a pod that does not
 * answer stays untouched until the cluster agrees that the pod is gone: so a pod that is cut off keeps exactly the share
 * that it had, and the others may not take it.
 */

export interface RateSettings {
  /** Requests per interval, for the whole cluster. */
  readonly requests: number;
  readonly intervalMs: number;
  /** Tokens of a bucket that nobody has used for a while. */
  readonly burst: number;
}

/** What another pod says about a key, or what has to be assumed of it. */
export interface PeerUse {
  readonly peer: string;
  /** False: it has not been heard for so long that its share is left alone. */
  readonly heard: boolean;
  /** Requests per ms, admitted or not. */
  readonly demand: number;
  /** What is left in the bucket as that pod counts; absent when it said nothing about it. */
  readonly tokens?: number;
}

/** Between exchanges the bucket may hold more than its burst, by what the others may meanwhile have taken from it. */
const SLACK_MS = 400;
/** Part of the bucket that is divided evenly, so that a pod whose first request comes now has something to give. */
const EVEN_PART = 0.2;
/**
 * How far the allowance goes up towards the share of the bucket when all pods have just said what they took, and before
 * that, when nobody knows what they have taken since they spoke last.
 */
const ADJUSTMENT = 0.8;
const BLIND_ADJUSTMENT = 0.2;
/** Weight of the newest round in a demand that falls; one that rises counts at once. */
const NEWEST_PART = 0.5;
/** How far the copies of the bucket are drawn together: rounding and late news would make them drift apart. */
const AGREEMENT = 0.2;
/** Refused requests of one round beyond twice what was expected, after which the next exchange should not wait. */
const SURPRISE = 2;
/** Sums of fractions are not exact. */
const ROUNDING = 1e-9;
/** Requests per ms below which a key counts as quiet. */
const QUIET = 1e-6;

export class ShareBucket {
  #settings: RateSettings;
  #at: number;
  /** Of the part that pods which are heard divide among them. */
  #tokens: number;
  #allowance: number;
  /** This pod's part of the whole limit, and of those that do not answer. */
  #weight: number;
  #unheard = 0;
  readonly #weights = new Map<string, number>();
  readonly #counted = new Map<string, number>();
  /** The demand each peer knows of: what they have not heard, they have left us no room for. */
  readonly #known = new Map<string, number>();
  #attempts = 0;
  #demand = 0;
  #admitted = 0;
  #usedAt: number;

  constructor(settings: RateSettings, now: number, peers: readonly PeerUse[]) {
    this.#settings = settings;
    this.#at = now;
    this.#usedAt = now;
    this.#weight = 1 / (peers.length + 1);
    for (const { peer } of peers) this.#weights.set(peer, this.#weight);
    const left = peers.map(({ tokens = settings.burst }) => tokens);
    this.#tokens = Math.min(settings.burst, ...left);
    this.#divide(peers);
    this.#allowance = this.#tokens * this.#part();
    this.#clip();
  }

  /** Counts `count` requests that want to pass; true when they may. Nothing is taken yet. */
  ask(now: number, count: number): boolean {
    this.#refill(now);
    this.#usedAt = now;
    this.#attempts += count;
    return this.#allowance >= this.#needed() && count <= Math.max(1, this.#settings.burst);
  }

  take(count: number): void {
    this.#tokens -= count;
    this.#allowance -= count;
    this.#admitted += count;
  }

  /** Milliseconds after which a request may pass, if nothing changes. */
  waitMs(): number {
    const perMs = this.#rate() * this.#weight;
    const missing = this.#needed() - this.#allowance;
    return missing <= 0 ? 0 : perMs > 0 ? missing / perMs : Infinity;
  }

  /** Takes over how many requests `peer` has admitted since it began to count; the first word of a peer is only noted. */
  count(peer: string, admitted: number): void {
    const before = this.#counted.get(peer);
    this.#counted.set(peer, admitted);
    if (before === undefined) return;
    // A peer that forgot the key counts from zero again.
    this.#tokens -= admitted >= before ? admitted - before : admitted;
  }

  /** What `peer` admits from now on is not subtracted, as its share has been left to it. */
  uncount(peer: string): void {
    this.#counted.delete(peer);
  }

  /** One exchange is over: the demand of the round, new shares, and what is left divided anew. */
  round(now: number, sinceMs: number, peers: readonly PeerUse[]): void {
    this.#refill(now);
    const newest = this.#attempts / Math.max(1, sinceMs);
    const before = this.#demand;
    this.#demand = newest > before ? newest : before + NEWEST_PART * (newest - before);
    if (this.#demand < QUIET) this.#demand = 0;
    this.#attempts = 0;
    // Whoever hears of less takes what is left, whether its answer arrives or not.
    for (const [peer, known] of this.#known)
      if (known > this.#demand) this.#known.set(peer, this.#demand);
    this.#divide(peers);
    this.#agree(peers);
    this.#rebalance(BLIND_ADJUSTMENT);
  }

  /** `peer` has heard the demand of the last round. */
  acknowledge(peer: string): void {
    this.#known.set(peer, this.#demand);
  }

  /** Everybody has answered: divides the limit, and what is left in the bucket. */
  settle(now: number, peers: readonly PeerUse[]): void {
    this.#refill(now);
    this.#divide(peers);
    this.#rebalance(ADJUSTMENT);
  }

  /** The settings changed: what was admitted stays admitted. */
  configure(settings: RateSettings): void {
    this.#settings = settings;
    this.#clip();
  }

  get demand(): number {
    return this.#demand;
  }
  get admitted(): number {
    return this.#admitted;
  }
  /** What is left in the whole bucket, as this pod counts. */
  get tokens(): number {
    return this.#tokens / (1 - this.#unheard);
  }
  /** True when far more comes than this pod's share was made for: the others should hear of it now. */
  surprised(sinceMs: number): boolean {
    return (
      this.#allowance < this.#needed() && this.#attempts > 2 * this.#demand * sinceMs + SURPRISE
    );
  }
  /** This pod's part of the whole limit, 0 to 1. */
  get weight(): number {
    return this.#weight;
  }

  /** True when forgetting the key changes nothing: it is full and nobody asks. */
  idle(now: number): boolean {
    const { requests, intervalMs, burst } = this.#settings;
    const fullAfterMs = (burst * intervalMs) / Math.max(requests, 1e-9);
    return this.#demand === 0 && now - this.#usedAt > Math.max(10_000, fullAfterMs);
  }

  /** What must be left. A share may be less than one request: what is given in advance is counted, and not given again. */
  #needed(): number {
    return this.#weights.size === 0 ? 1 - ROUNDING : ROUNDING;
  }

  #rate(): number {
    return this.#settings.requests / this.#settings.intervalMs;
  }

  /** This pod's part of what the pods that are heard divide. */
  #part(): number {
    return this.#weight / (1 - this.#unheard);
  }

  #refill(now: number): void {
    const gained = this.#rate() * (now - this.#at);
    this.#at = now;
    this.#tokens += gained * (1 - this.#unheard);
    this.#allowance += gained * this.#weight;
    this.#clip();
  }

  #clip(): void {
    const { burst } = this.#settings;
    const most = (burst + this.#rate() * SLACK_MS) * (1 - this.#unheard);
    this.#tokens = Math.min(this.#tokens, most);
    this.#allowance = Math.min(this.#allowance, burst * this.#weight);
  }

  #divide(peers: readonly PeerUse[]): void {
    for (const peer of this.#weights.keys())
      if (!peers.some((other) => other.peer === peer)) this.#forget(peer);
    const even = 1 / (peers.length + 1);
    let unheard = 0;
    let own = this.#demand;
    let demand = 0;
    let heard = 1;
    for (const peer of peers) {
      if (peer.heard) {
        own = Math.min(own, this.#known.get(peer.peer) ?? 0);
        demand += peer.demand;
        heard += 1;
      } else unheard += this.#weights.get(peer.peer) ?? even;
    }
    // Without a share of its own a pod could not even find out that it is needed.
    unheard = Math.min(unheard, 1 - even / 10);
    if (unheard > this.#unheard) this.#tokens *= (1 - unheard) / (1 - this.#unheard);
    this.#unheard = unheard;
    const total = demand + own;
    const weigh = (part: number): number =>
      (1 - unheard) *
      (total > 0 ? (1 - EVEN_PART) * (part / total) + EVEN_PART / heard : 1 / heard);
    for (const peer of peers)
      if (peer.heard) this.#weights.set(peer.peer, weigh(peer.demand));
      else if (!this.#weights.has(peer.peer)) this.#weights.set(peer.peer, even);
    this.#weight = weigh(own);
  }

  /** Moves the allowance towards this pod's share of what is left; down at once. */
  #rebalance(adjustment: number): void {
    const target = this.#tokens * this.#part();
    this.#allowance = Math.min(target, this.#allowance + adjustment * (target - this.#allowance));
    this.#clip();
  }

  #agree(peers: readonly PeerUse[]): void {
    let sum = 0;
    let count = 0;
    for (const { heard, tokens } of peers) {
      if (!heard || tokens === undefined) continue;
      sum += tokens;
      count += 1;
    }
    if (count > 0) this.#tokens += AGREEMENT * ((sum / count) * (1 - this.#unheard) - this.#tokens);
  }

  #forget(peer: string): void {
    this.#weights.delete(peer);
    this.#counted.delete(peer);
    this.#known.delete(peer);
  }
}
