/** One rate limit over all its keys and all pods: answers requests, reports what was used, and listens to the others. */
import { ShareBucket, type PeerUse, type RateSettings } from './share-bucket.ts';

/** A key as it travels: the key, requests per second, admitted since it is known, tokens left. */
export type RateRow = readonly [key: string, demand: number, admitted: number, tokens: number];

/** What one pod says about one limit. */
export interface LimitReport {
  readonly rows: readonly RateRow[];
  /** Demand (per second) of the busiest key that found no room in `rows`; 0 when all did. */
  readonly rest: number;
}

/** Another pod: who it is, and whether its last word is recent. */
export interface RatePeer {
  readonly id: string;
  readonly heard: boolean;
}

/** Keys a limit keeps; beyond, the oldest is forgotten, and with it at most one burst. */
const KEYS_MAX = 4_096;
/** Keys of one limit that travel; the busiest first. */
const ROWS_MAX = 256;

interface Heard {
  readonly rows: ReadonlyMap<string, RateRow>;
  readonly rest: number;
}

export class ClusterLimit {
  #settings: RateSettings;
  readonly #buckets = new Map<string, ShareBucket>();
  /** Keys somebody asked for lately, here or elsewhere: only these need new shares. */
  readonly #busy = new Set<string>();
  readonly #said = new Map<string, Heard>();
  #peers: readonly RatePeer[] = [];

  constructor(settings: RateSettings) {
    this.#settings = settings;
  }

  get settings(): RateSettings {
    return this.#settings;
  }

  configure(settings: RateSettings): void {
    this.#settings = settings;
    for (const bucket of this.#buckets.values()) bucket.configure(settings);
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** The key's bucket, made when there is none. */
  bucket(key: string, now: number): ShareBucket {
    const known = this.#buckets.get(key);
    this.#busy.add(key);
    if (known !== undefined) return known;
    if (this.#buckets.size >= KEYS_MAX) this.#drop(this.#buckets.keys().next().value ?? '');
    const bucket = new ShareBucket(this.#settings, now, this.#uses(key));
    for (const [id, { rows }] of this.#said) bucket.count(id, rows.get(key)?.[2] ?? 0);
    this.#buckets.set(key, bucket);
    return bucket;
  }

  /** Takes a pod's word over. */
  hear(peer: string, report: LimitReport): void {
    const rows = new Map(report.rows.map((row) => [row[0], row]));
    this.#said.set(peer, { rows, rest: report.rest });
    for (const [key, bucket] of this.#buckets) {
      const row = rows.get(key);
      if (row === undefined) {
        // Left out for want of room, it may come back with all its count; else it is forgotten there, and begins at 0.
        if (report.rest > 0) bucket.uncount(peer);
        else bucket.count(peer, 0);
      } else {
        bucket.count(peer, row[2]);
        this.#busy.add(key);
      }
    }
  }

  /** Who else enforces this limit now; whoever is not among them has gone for good, and gives its share back. */
  setPeers(peers: readonly RatePeer[]): void {
    for (const { id, heard } of peers) {
      if (heard) continue;
      for (const bucket of this.#buckets.values()) bucket.uncount(id);
    }
    for (const id of this.#said.keys())
      if (!peers.some((peer) => peer.id === id)) this.#said.delete(id);
    this.#peers = peers;
  }

  /** `peer` has heard the last report; what found no room in it counts as heard, as nobody will leave it more. */
  acknowledge(peer: string): void {
    for (const key of this.#busy) this.#buckets.get(key)?.acknowledge(peer);
  }

  /** Everybody has heard the last report. */
  settle(now: number): void {
    for (const key of this.#busy) this.#buckets.get(key)?.settle(now, this.#uses(key));
  }

  /** Divides anew after an exchange, `sinceMs` after the last. */
  round(now: number, sinceMs: number): void {
    for (const key of this.#busy) {
      const bucket = this.#buckets.get(key);
      if (bucket === undefined) {
        this.#busy.delete(key);
        continue;
      }
      const uses = this.#uses(key);
      bucket.round(now, sinceMs, uses);
      if (bucket.demand === 0 && uses.every(({ demand }) => demand === 0) && bucket.idle(now))
        this.#drop(key);
    }
  }

  report(): LimitReport {
    const used: RateRow[] = [];
    for (const key of this.#busy) {
      const bucket = this.#buckets.get(key);
      if (bucket === undefined) continue;
      used.push([key, round(bucket.demand * 1_000), bucket.admitted, round(bucket.tokens)]);
    }
    if (used.length <= ROWS_MAX) return { rows: used, rest: 0 };
    used.sort((a, b) => b[1] - a[1]);
    return { rows: used.slice(0, ROWS_MAX), rest: used[ROWS_MAX]?.[1] ?? 0 };
  }

  #uses(key: string): PeerUse[] {
    return this.#peers.map(({ id, heard }) => {
      const said = this.#said.get(id);
      const row = said?.rows.get(key);
      const demand = (row?.[1] ?? said?.rest ?? 0) / 1_000;
      return { peer: id, heard, demand, ...(row === undefined ? {} : { tokens: row[3] }) };
    });
  }

  #drop(key: string): void {
    this.#buckets.delete(key);
    this.#busy.delete(key);
  }
}

const round = (value: number): number => Math.round(value * 1_000) / 1_000;
