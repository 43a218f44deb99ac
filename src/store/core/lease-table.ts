/** The leases that exist and the keys attached to them; when a lease ends is decided elsewhere. */
import type { LeaseInfo } from './model.ts';

export interface LeaseTable {
  readonly size: number;
  has(id: number): boolean;
  grant(id: number, ttlMs: number): void;
  /** Attached keys, sorted, so that every node deletes them in the same order. */
  keysOf(id: number): readonly string[];
  drop(id: number): void;
  /** The key belongs to lease `to` from now on, no longer to `from` (0 = none). */
  move(key: string, from: number, to: number): void;
  list(): readonly LeaseInfo[];
  /** Id and TTL of each lease, in the order in which they were granted. */
  ttls(): readonly { readonly id: number; readonly ttlMs: number }[];
}

export function createLeaseTable(): LeaseTable {
  const leases = new Map<number, { readonly ttlMs: number; readonly keys: Set<string> }>();
  const keysOf = (id: number): readonly string[] => [...(leases.get(id)?.keys ?? [])].sort();
  return {
    get size() {
      return leases.size;
    },
    has: (id) => leases.has(id),
    grant: (id, ttlMs) => void leases.set(id, { ttlMs, keys: new Set() }),
    keysOf,
    drop: (id) => void leases.delete(id),
    move(key, from, to) {
      leases.get(from)?.keys.delete(key);
      leases.get(to)?.keys.add(key);
    },
    ttls: () => [...leases].map(([id, { ttlMs }]) => ({ id, ttlMs })),
    list: () => [...leases].map(([id, { ttlMs }]) => ({ id, ttlMs, keys: keysOf(id) })),
  };
}
