/** Ordered keys with every version since the last compaction: reads of now and of the kept past. */
import { createHistory, keyOf, type History } from './history.ts';
import type { KeyValue, Selector } from './model.ts';
import { lowerBound } from './selector.ts';
import { SortedKeys } from './sorted-keys.ts';

/** One state of a key: a value, or its absence since a revision. */
type Version = KeyValue | { readonly deletedAt: number };

export interface Keyspace {
  /** Keys that exist now. */
  readonly size: number;
  readonly history: History;
  get(key: string): KeyValue | undefined;
  /** Matching keys at `revision` (Infinity = now) in key order. */
  range(selector: Selector, at: number, limit: number): { items: KeyValue[]; count: number };
  /** Writes a version at `revision`; returns what was there before. */
  put(revision: number, key: string, value: string, lease: number): KeyValue | undefined;
  /** Deletes at `revision`; undefined, and no change, when there is no such key. */
  remove(revision: number, key: string): KeyValue | undefined;
  /** Forgets every version that is not visible at `revision` or later; while someone holds the past, later. */
  compact(revision: number): void;
  /** Holds back what `compact` would forget until the returned function is called. */
  hold(): () => void;
  /** True while a compaction waits for a holder. */
  readonly heldBack: boolean;
  /** Keys that exist at `revision`, in key order; the keyspace may change meanwhile as long as the past is held. */
  at(revision: number): Iterable<KeyValue>;
  /** Takes over a key as it was before the kept history; only into an empty keyspace, in key order. */
  load(item: KeyValue): void;
  /** All that is kept, in key order, as plain data. */
  dump(): readonly (readonly [string, readonly Version[]])[];
}

const isLive = (version: Version | undefined): version is KeyValue =>
  version !== undefined && 'key' in version;
const revisionOf = (version: Version): number =>
  isLive(version) ? version.modRevision : version.deletedAt;

/** The newest version not newer than `at`. */
function visible(versions: readonly Version[] | undefined, at: number): Version | undefined {
  if (versions === undefined) return undefined;
  if (at === Infinity) return versions[versions.length - 1];
  return versions[lowerBound(versions, (version) => revisionOf(version) <= at) - 1];
}

export function createKeyspace(): Keyspace {
  return new VersionedKeyspace();
}

class VersionedKeyspace implements Keyspace {
  size = 0;
  readonly history = createHistory();
  /** Every key that has a kept version, deleted ones included. */
  readonly #sorted = new SortedKeys();
  readonly #versionsOf = new Map<string, Version[]>();
  #holders = 0;
  /** The compaction that waits for the last holder; 0 = none. */
  #compactLater = 0;

  get(key: string): KeyValue | undefined {
    const version = visible(this.#versionsOf.get(key), Infinity);
    return isLive(version) ? version : undefined;
  }

  range(selector: Selector, at: number, limit: number): { items: KeyValue[]; count: number } {
    const items: KeyValue[] = [];
    let count = 0;
    for (const key of this.#keys(selector)) {
      const version = visible(this.#versionsOf.get(key), at);
      if (!isLive(version)) continue;
      count += 1;
      if (items.length < limit) items.push(version);
    }
    return { items, count };
  }

  put(revision: number, key: string, value: string, lease: number): KeyValue | undefined {
    const previous = this.get(key);
    const item: KeyValue = {
      key,
      value,
      createRevision: previous?.createRevision ?? revision,
      modRevision: revision,
      version: (previous?.version ?? 0) + 1,
      lease,
    };
    this.#add(key, item);
    this.history.append(
      previous === undefined ? { type: 'put', item } : { type: 'put', item, previous },
    );
    if (previous === undefined) this.size += 1;
    return previous;
  }

  remove(revision: number, key: string): KeyValue | undefined {
    const previous = this.get(key);
    if (previous === undefined) return undefined;
    this.#add(key, { deletedAt: revision });
    this.history.append({ type: 'delete', key, revision, previous });
    this.size -= 1;
    return previous;
  }

  get heldBack(): boolean {
    return this.#compactLater > 0;
  }

  hold(): () => void {
    this.#holders += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders -= 1;
      if (this.#holders > 0 || this.#compactLater === 0) return;
      const revision = this.#compactLater;
      this.#compactLater = 0;
      this.compact(revision);
    };
  }

  *at(revision: number): Generator<KeyValue> {
    for (const key of this.#sorted.from('')) {
      const version = visible(this.#versionsOf.get(key), revision);
      if (isLive(version)) yield version;
    }
  }

  load(item: KeyValue): void {
    this.#add(item.key, item);
    this.size += 1;
  }

  compact(revision: number): void {
    if (this.#holders > 0) {
      this.#compactLater = revision;
      return;
    }
    // Only a key that changed in the cut revisions can have versions that nobody may see any more.
    for (const key of new Set(this.history.cut(revision).map(keyOf))) {
      const versions = this.#versionsOf.get(key) ?? [];
      const from = lowerBound(versions, (version) => revisionOf(version) <= revision) - 1;
      const kept = versions.slice(Math.max(0, isLive(versions[from]) ? from : from + 1));
      if (kept.length > 0) this.#versionsOf.set(key, kept);
      else if (this.#versionsOf.delete(key)) this.#sorted.remove(key);
    }
  }

  dump(): readonly (readonly [string, readonly Version[]])[] {
    return [...this.#sorted.from('')].map((key) => [key, this.#versionsOf.get(key) ?? []] as const);
  }

  *#keys(selector: Selector): Generator<string> {
    if ('key' in selector) {
      yield selector.key;
      return;
    }
    for (const key of this.#sorted.from(selector.prefix)) {
      if (!key.startsWith(selector.prefix)) return;
      yield key;
    }
  }

  #add(key: string, version: Version): void {
    const versions = this.#versionsOf.get(key);
    if (versions !== undefined) {
      versions.push(version);
      return;
    }
    this.#versionsOf.set(key, [version]);
    this.#sorted.add(key);
  }
}
