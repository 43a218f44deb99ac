/** The sessions as this node has applied them, decoded once, with a count per owner; fed by the store's watch. */
import type { KeyValue, StoredItem } from './ports.ts';
import { decodeRecord, type SessionRecord } from './record.ts';

export interface Entry {
  readonly record: SessionRecord;
  readonly modRevision: number;
}

export interface LocalCopy {
  get(id: string): Entry | undefined;
  entries(): Iterable<[string, Entry]>;
  counts(): ReadonlyMap<string, number>;
  readonly size: number;
  /** Takes an item read from the store; an older one than known is not taken. Returns what is known then. */
  take(item: StoredItem): Entry | undefined;
  /** A linearizable read found nothing. */
  forget(id: string): undefined;
  /** Our own write at `revision` succeeded; the watch will say the same a moment later. */
  absorb(id: string, record: SessionRecord | undefined, revision: number): void;
  /** What is being written here need not be read again when the watch brings it; call the returned function afterwards. */
  writing(value: string, record: SessionRecord): () => void;
  onChange(listener: (id: string, record: SessionRecord | undefined) => void): () => void;
  stop(): void;
}

/** Deletions remembered, so that a put that was read before a delete does not bring a session back. */
const TOMBSTONES_MAX = 4096;

export function createLocalCopy(store: KeyValue, prefix: string): LocalCopy {
  const listeners = new Set<(id: string, record: SessionRecord | undefined) => void>();
  const table = createTable((id, record) => {
    for (const listener of listeners) listener(id, record);
  });
  const { entries } = table;
  const own = new Map<string, SessionRecord>();
  let cancelWatch: () => void = () => undefined;

  const idOf = (key: string): string => key.slice(prefix.length);
  const take = (item: StoredItem): Entry | undefined => {
    const record = own.get(item.value) ?? decodeRecord(item.value);
    if (record !== undefined) table.put(idOf(item.key), record, item.modRevision);
    return entries.get(idOf(item.key));
  };
  const load = (): void => {
    const { items, revision } = store.local.range({ prefix });
    const present = new Set(items.map((item) => idOf(item.key)));
    for (const item of items) take(item);
    for (const id of entries.keys()) if (!present.has(id)) table.remove(id, revision);
    cancelWatch = store.watch({ prefix, fromRevision: revision + 1 }, (notice) => {
      if (notice.type === 'compacted') return load();
      for (const event of notice.events) {
        if (event.type === 'put') take(event.item);
        else table.remove(idOf(event.key), event.revision);
      }
    });
  };
  load();

  return {
    get: (id) => entries.get(id),
    entries: () => [...entries],
    counts: () => table.perNode,
    get size() {
      return entries.size;
    },
    take,
    forget(id) {
      const known = entries.get(id);
      if (known !== undefined) table.remove(id, known.modRevision);
      return undefined;
    },
    absorb(id, record, revision) {
      if (record === undefined) table.remove(id, revision);
      else table.put(id, record, revision);
    },
    writing(value, record) {
      own.set(value, record);
      return () => own.delete(value);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => cancelWatch(),
  };
}

interface Table {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly perNode: ReadonlyMap<string, number>;
  put(id: string, record: SessionRecord, modRevision: number): void;
  remove(id: string, revision: number): void;
}

/** The newest state of each session, whatever the order in which writes, reads and the watch report it. */
function createTable(onChange: (id: string, record: SessionRecord | undefined) => void): Table {
  const entries = new Map<string, Entry>();
  const tombstones = new Map<string, number>();
  const perNode = new Map<string, number>();
  const count = ({ owner: { node } }: SessionRecord, step: 1 | -1): void => {
    const next = (perNode.get(node) ?? 0) + step;
    if (next === 0) perNode.delete(node);
    else perNode.set(node, next);
  };
  return {
    entries,
    perNode,
    put(id, record, modRevision) {
      const known = entries.get(id);
      if (modRevision <= (known?.modRevision ?? tombstones.get(id) ?? 0)) return;
      if (known !== undefined) count(known.record, -1);
      count(record, 1);
      entries.set(id, { record, modRevision });
      tombstones.delete(id);
      onChange(id, record);
    },
    remove(id, revision) {
      const known = entries.get(id);
      if (known !== undefined && revision < known.modRevision) return;
      tombstones.set(id, Math.max(revision, tombstones.get(id) ?? 0));
      const oldest = tombstones.size > TOMBSTONES_MAX ? tombstones.keys().next() : undefined;
      if (oldest?.done === false) tombstones.delete(oldest.value);
      if (known === undefined) return;
      entries.delete(id);
      count(known.record, -1);
      onChange(id, undefined);
    },
  };
}
