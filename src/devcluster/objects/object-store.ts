/** The store behind the API server: objects by key, one revision counter, watch, consistent old lists. */
import type { Result } from '../../std/index.ts';
import { ObjectEngine } from './object-engine.ts';
import { openJournal, type Snapshot } from './journal.ts';
import type {
  ObjectKey,
  RevisionRefusal,
  StoredObject,
  StoreEvent,
  WriteRefusal,
} from './types.ts';

export interface ObjectStoreOptions {
  /** Keeps the objects here; without it they live as long as the process. */
  readonly dataDir?: string;
  /** Changes a watch may go back; older ones answer 410 Gone. Default 10 000. */
  readonly historyMax?: number;
  /** Log records before they are folded into the snapshot. Default 20 000. */
  readonly journalRecordsMax?: number;
}

export interface ObjectList {
  /** In key order (namespace, then name). */
  readonly items: readonly StoredObject[];
  readonly revision: number;
}

export interface ObjectStore {
  /** The revision of the latest change. */
  revision(): number;
  get(key: ObjectKey): StoredObject | undefined;
  /** All objects of a resource, in one namespace or (undefined) in all; `at` asks for an older state. */
  list(
    resource: string,
    options?: { namespace?: string | undefined; at?: number | undefined },
  ): Result<ObjectList, RevisionRefusal>;
  /** Stores a new object and stamps its resourceVersion. */
  create(key: ObjectKey, object: StoredObject): Result<StoredObject, WriteRefusal>;
  /** Replaces an object if it is still at `expected` (its resourceVersion). */
  update(
    key: ObjectKey,
    object: StoredObject,
    expected: string,
  ): Result<StoredObject, WriteRefusal>;
  /** Removes an object; the result is its last state, stamped with the deletion's revision. */
  remove(key: ObjectKey, last?: StoredObject): Result<StoredObject, WriteRefusal>;
  /** Calls `listener` for each later change of `resource`, in order, until the returned function is called. */
  watch(
    resource: string,
    fromRevision: number,
    listener: (event: StoreEvent) => void,
  ): Result<() => void, RevisionRefusal>;
  /** The revision up to which watches have been told. */
  toldRevision(): number;
  /** Resolves when every change so far is on disk (at once without `dataDir`). */
  durable(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a store; with `dataDir` it holds what it held at its last acknowledged change. */
export async function createObjectStore(options: ObjectStoreOptions = {}): Promise<ObjectStore> {
  const historyMax = options.historyMax ?? 10_000;
  if (options.dataDir === undefined) return new ObjectEngine({ revision: 1, historyMax });
  const takeSnapshot = (): Snapshot => engine.snapshot();
  const recordsMax = options.journalRecordsMax ?? 20_000;
  const opened = await openJournal(options.dataDir, { recordsMax, takeSnapshot });
  const revision = Math.max(1, opened.snapshot.revision);
  const engine = new ObjectEngine({ revision, historyMax, journal: opened.journal });
  for (const { key, object } of opened.snapshot.objects) engine.load(key, object);
  for (const record of opened.records) engine.replay(record);
  return engine;
}
