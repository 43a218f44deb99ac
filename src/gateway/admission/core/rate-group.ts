/** All rate limits of one pod, and whom it shares them with. Pure: time and the others' words are given. */
import { ClusterLimit, type LimitReport } from './cluster-limit.ts';
import type { ShareBucket, RateSettings } from './share-bucket.ts';

/** How often pods tell each other what was used. */
export const EXCHANGE_MS = 200;
/** The least time between exchanges when there is news. */
export const HURRY_MS = 50;
/** A pod that said nothing for so long is left its share. */
const UNHEARD_MS = 1_000;
/** Pods whose words are kept. */
const PEERS_MAX = 256;

/** What one pod tells another: each limit by its name. */
export interface RateReport {
  /** Grows with each report of a pod: an older one that comes later is not looked at. */
  readonly sequence: number;
  readonly limits: Readonly<Record<string, LimitReport>>;
}

export interface NamedRate extends RateSettings {
  readonly name: string;
}

export class RateGroup {
  readonly #limits = new Map<string, ClusterLimit>();
  readonly #heard = new Map<string, { readonly at: number; readonly sequence: number }>();
  readonly #awaited = new Set<string>();
  #round = 0;
  #sequence = 0;
  #roundAt: number;

  constructor(now: number) {
    this.#roundAt = now;
  }

  /** What is in force from now on; a limit keeps what was counted under its name. */
  configure(rates: readonly NamedRate[]): void {
    for (const name of this.#limits.keys())
      if (!rates.some((rate) => rate.name === name)) this.#limits.delete(name);
    for (const { name, requests, intervalMs, burst } of rates) {
      const settings = { requests, intervalMs, burst };
      const known = this.#limits.get(name);
      if (known === undefined) this.#limits.set(name, new ClusterLimit(settings));
      else known.configure(settings);
    }
  }

  /** The bucket of a key of a limit that is in force. */
  bucket(limit: string, key: string, now: number): ShareBucket | undefined {
    return this.#limits.get(limit)?.bucket(key, now);
  }

  hear(peer: string, report: RateReport, now: number): void {
    const before = this.#heard.get(peer);
    if (before === undefined && this.#heard.size >= PEERS_MAX) return;
    if (before !== undefined && before.sequence >= report.sequence) return;
    this.#heard.set(peer, { at: now, sequence: report.sequence });
    for (const [name, limit] of this.#limits) {
      // A limit may have a name that every object has.
      const said = Object.hasOwn(report.limits, name) ? report.limits[name] : undefined;
      if (said !== undefined) limit.hear(peer, said);
    }
  }

  /** Pods that were heard and are not known to be gone. */
  get known(): readonly string[] {
    return [...this.#heard.keys()];
  }

  /** `peer` has answered the report of round `round`. */
  acknowledge(peer: string, round: number, now: number): void {
    if (round !== this.#round) return;
    for (const limit of this.#limits.values()) limit.acknowledge(peer);
    if (!this.#awaited.delete(peer) || this.#awaited.size > 0) return;
    for (const limit of this.#limits.values()) limit.settle(now);
  }

  /** Divides anew among this pod and `others`, who are all that are not known to be gone; returns the number of the round. */
  round(now: number, others: readonly string[]): number {
    for (const id of this.#heard.keys()) if (!others.includes(id)) this.#heard.delete(id);
    const peers = others.slice(0, PEERS_MAX).map((id) => ({
      id,
      heard: now - (this.#heard.get(id)?.at ?? -Infinity) <= UNHEARD_MS,
    }));
    for (const limit of this.#limits.values()) {
      limit.setPeers(peers);
      limit.round(now, now - this.#roundAt);
    }
    this.#roundAt = now;
    this.#awaited.clear();
    for (const { id, heard } of peers) if (heard) this.#awaited.add(id);
    if (this.#awaited.size === 0) for (const limit of this.#limits.values()) limit.settle(now);
    return (this.#round += 1);
  }

  report(): RateReport {
    const limits = [...this.#limits].map(([name, limit]) => [name, limit.report()] as const);
    this.#sequence += 1;
    return { sequence: this.#sequence, limits: Object.fromEntries(limits) };
  }

  /** Keys of a limit that are kept. */
  size(limit: string): number {
    return this.#limits.get(limit)?.size ?? 0;
  }
}
