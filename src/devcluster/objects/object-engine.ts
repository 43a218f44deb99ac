/** The store's tables, revision counter and listeners; every write is one step, so readers see whole states only. */
import { err, ok, type Result } from '../../std/index.ts';
import { createHistory, type History } from './history.ts';
import type { Journal, JournalRecord, Snapshot } from './journal.ts';
import type { ObjectList, ObjectStore } from './object-store.ts';
import type {
  ObjectKey,
  RevisionRefusal,
  StoredObject,
  StoreEvent,
  WriteRefusal,
} from './types.ts';

type Table = Map<string, StoredObject>;
type Listener = (event: StoreEvent) => void;

export interface EngineOptions {
  /** The revision to continue from. */
  readonly revision: number;
  readonly historyMax: number;
  readonly journal?: Journal;
}

export class ObjectEngine implements ObjectStore {
  readonly #tables = new Map<string, Table>();
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #history: History;
  readonly #journal: Journal | undefined;
  #revision: number;
  /** Watches are told of a change only once it is durable: a restart never takes back what a watch has seen. */
  #told: number;
  #untold: StoreEvent[] = [];
  #telling = false;
  #tellable = 0;

  constructor(options: EngineOptions) {
    this.#revision = options.revision;
    this.#told = options.revision;
    this.#history = createHistory(options.revision, options.historyMax);
    this.#journal = options.journal;
  }

  revision(): number {
    return this.#revision;
  }

  get(key: ObjectKey): StoredObject | undefined {
    return this.#table(key.resource).get(tableId(key));
  }

  list(
    resource: string,
    options: { namespace?: string | undefined; at?: number | undefined } = {},
  ): Result<ObjectList, RevisionRefusal> {
    const at = options.at ?? this.#revision;
    const refused = this.#refusal(at);
    if (refused !== undefined) return err(refused);
    const later = this.#history.since(at).filter((event) => event.key.resource === resource);
    const table = rewind(this.#table(resource), later);
    const prefix = options.namespace === undefined ? '' : `${options.namespace}/`;
    const ids = [...table.keys()].filter((id) => id.startsWith(prefix)).sort();
    return ok({ items: ids.map((id) => table.get(id) as StoredObject), revision: at });
  }

  create(key: ObjectKey, object: StoredObject): Result<StoredObject, WriteRefusal> {
    if (this.get(key) !== undefined) return err('already-exists');
    return ok(this.#commit(key, object, false));
  }

  update(
    key: ObjectKey,
    object: StoredObject,
    expected: string,
  ): Result<StoredObject, WriteRefusal> {
    const current = this.get(key);
    if (current === undefined) return err('not-found');
    if (current.metadata.resourceVersion !== expected) return err('conflict');
    return ok(this.#commit(key, object, false));
  }

  remove(key: ObjectKey, last?: StoredObject): Result<StoredObject, WriteRefusal> {
    const current = this.get(key);
    if (current === undefined) return err('not-found');
    return ok(this.#commit(key, last ?? current, true));
  }

  watch(
    resource: string,
    fromRevision: number,
    listener: Listener,
  ): Result<() => void, RevisionRefusal> {
    const refused = this.#refusal(fromRevision);
    if (refused !== undefined) return err(refused);
    let active = true;
    const guarded: Listener = (event) => {
      if (active && event.revision > fromRevision) listener(event);
    };
    for (const event of this.#history.since(fromRevision)) {
      if (event.revision <= this.#told && event.key.resource === resource) guarded(event);
    }
    const set = this.#listeners.get(resource) ?? new Set();
    this.#listeners.set(resource, set);
    set.add(guarded);
    return ok(() => {
      active = false;
      set.delete(guarded);
    });
  }

  toldRevision(): number {
    return this.#told;
  }

  durable(): Promise<void> {
    return this.#journal?.flushed() ?? Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#journal?.close();
  }

  snapshot(): Snapshot {
    return { revision: this.#revision, objects: everything(this.#tables) };
  }

  /** Takes over an object of a snapshot, without history. */
  load(key: ObjectKey, object: StoredObject): void {
    this.#table(key.resource).set(tableId(key), deepFreeze(object));
  }

  /** Repeats a logged change; watches may later resume from before it. */
  replay(record: JournalRecord): void {
    this.#revision = record.revision;
    this.#told = record.revision;
    const last = deepFreeze((record.object ?? record.deleted) as StoredObject);
    this.#apply(record.key, last, record.object === undefined);
  }

  #table(resource: string): Table {
    const table = this.#tables.get(resource) ?? new Map<string, StoredObject>();
    this.#tables.set(resource, table);
    return table;
  }

  #refusal(at: number): RevisionRefusal | undefined {
    if (at > this.#revision) return { reason: 'future' };
    const oldest = this.#history.oldest();
    return at < oldest ? { reason: 'expired', oldest } : undefined;
  }

  #commit(key: ObjectKey, object: StoredObject, removed: boolean): StoredObject {
    this.#revision += 1;
    const revision = this.#revision;
    const metadata = { ...object.metadata, resourceVersion: String(revision) };
    const stamped = deepFreeze({ ...object, metadata });
    this.#untold.push(this.#apply(key, stamped, removed));
    if (this.#journal === undefined) {
      this.#tell(revision);
    } else {
      this.#journal.append({
        revision,
        key,
        ...(removed ? { deleted: stamped } : { object: stamped }),
      });
      // A failed flush is reported to whoever awaits durable(); here it only means that nobody is told.
      this.#journal.flushed().then(
        () => this.#tell(revision),
        () => undefined,
      );
    }
    return stamped;
  }

  #apply(key: ObjectKey, object: StoredObject, removed: boolean): StoreEvent {
    const table = this.#table(key.resource);
    const id = tableId(key);
    const previous = table.get(id);
    if (removed) table.delete(id);
    else table.set(id, object);
    const type = removed ? 'DELETED' : previous === undefined ? 'ADDED' : 'MODIFIED';
    const revision = this.#revision;
    const event: StoreEvent = { type, revision, key, object, ...(previous && { previous }) };
    this.#history.add(event);
    return event;
  }

  /** A listener may write; what it adds is told after the present event, to everybody in the same order. */
  #tell(upTo: number): void {
    this.#tellable = Math.max(this.#tellable, upTo);
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (;;) {
        const event = this.#untold[0];
        if (event === undefined || event.revision > this.#tellable) return;
        this.#untold.shift();
        this.#told = event.revision;
        const listeners = this.#listeners.get(event.key.resource) ?? [];
        for (const listener of listeners) tellOne(listener, event);
      }
    } finally {
      this.#telling = false;
    }
  }
}

/** A listener that throws is a defect: it ends the process, but does not keep the others from being told. */
function tellOne(listener: Listener, event: StoreEvent): void {
  try {
    listener(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** The table as it was before `events`: each is undone, latest first. */
function rewind(table: Table, events: readonly StoreEvent[]): Table {
  if (events.length === 0) return table;
  const past = new Map(table);
  for (const event of events.toReversed()) {
    if (event.previous === undefined) past.delete(tableId(event.key));
    else past.set(tableId(event.key), event.previous);
  }
  return past;
}

function everything(tables: ReadonlyMap<string, Table>): Snapshot['objects'] {
  return [...tables].flatMap(([resource, table]) =>
    [...table].map(([id, object]) => {
      const slash = id.indexOf('/');
      return {
        key: { resource, namespace: id.slice(0, slash), name: id.slice(slash + 1) },
        object,
      };
    }),
  );
}

const tableId = (key: ObjectKey): string => `${key.namespace}/${key.name}`;

/** Stored objects are shared by history, lists and watches: an accidental change must throw. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const child of Object.values(value)) deepFreeze(child);
  return value;
}
