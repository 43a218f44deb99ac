/** A member's life on its disk, step by step, and a model that says after a crash whether what is left is right. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Entry, HardState, StoredState } from '../../src/raft/core/index.ts';
import type { Storage, StorageWrite } from '../../src/raft/storage.ts';
import { contentOf, entries, hardState, metaAt, received } from './disk.ts';

/** The state that a log stands for, as plain text so that states compare at once. */
interface State {
  readonly base: number;
  readonly hard: HardState;
  readonly log: ReadonlyMap<number, number>;
}

const EMPTY: State = { base: 0, hard: hardState(0), log: new Map() };

/** The log after a write, by the rules and not by the code under test. */
function after(state: State, { snapshot, entries: added, hardState: hard }: StorageWrite): State {
  const log = new Map(snapshot === undefined ? state.log : []);
  for (const { index, term } of added) {
    for (const known of log.keys()) if (known >= index) log.delete(known);
    log.set(index, term);
  }
  return { base: snapshot?.index ?? state.base, hard: hard ?? state.hard, log };
}

export const stateBytes = (index: number): Buffer => Buffer.from(`state at ${index};`.repeat(60));

export const announcedAt = (index: number, term: number) => ({
  meta: metaAt(index, term),
  bytes: stateBytes(index).length,
  sha256: createHash('sha256').update(stateBytes(index)).digest('hex'),
});

/** What was given to a storage and what it reported durable. */
export class Ledger {
  readonly #states: State[] = [EMPTY];
  #durable = 0;
  /** The latest snapshot that was reported, and the latest that was begun. */
  #snapshotDone = 0;
  #snapshotBegun = 0;
  readonly #say: (line: string) => void;

  /** `say` is told all that a check needs, as it happens. */
  constructor(say: (line: string) => void = () => undefined) {
    this.#say = say;
  }

  /** The same ledger, to be checked by itself. */
  copy(): Ledger {
    const copy = new Ledger();
    copy.#states.splice(0, 1, ...this.#states);
    copy.#durable = this.#durable;
    copy.#snapshotDone = this.#snapshotDone;
    copy.#snapshotBegun = this.#snapshotBegun;
    return copy;
  }

  /** The ledger of another process that lived the same life, by what it said. */
  reported(lines: readonly (readonly [word: string, rest: string])[]): Ledger {
    const last = (word: string): number =>
      Math.max(0, ...lines.filter(([first]) => first === word).map(([, rest]) => Number(rest)));
    const copy = new Ledger();
    copy.#states.splice(0, 1, ...this.#states.slice(0, last('issued') + 1));
    copy.#durable = last('durable');
    copy.#snapshotDone = last('snapshot-done');
    copy.#snapshotBegun = last('snapshot-begun');
    return copy;
  }

  append(storage: Storage, write: StorageWrite): Promise<void> {
    const place = this.#states.length;
    this.#say(`issued ${place}`);
    this.#states.push(after(this.#states.at(-1) as State, write));
    if (write.snapshot !== undefined) this.#begun(write.snapshot.index);
    return new Promise((resolve) => {
      storage.append(write, () => {
        assert.equal(place, this.#durable + 1, 'writes are reported in order');
        this.#durable = place;
        this.#say(`durable ${place}`);
        this.#done(write.snapshot?.index ?? 0);
        resolve();
      });
    });
  }

  async snapshot(storage: Storage, index: number, term: number): Promise<void> {
    this.#begun(index);
    const content = stateBytes(index);
    await storage.writeSnapshot(metaAt(index, term), [
      content.subarray(0, 50),
      content.subarray(50),
    ]);
    this.#done(index);
  }

  #begun(index: number): void {
    this.#snapshotBegun = Math.max(this.#snapshotBegun, index);
    this.#say(`snapshot-begun ${this.#snapshotBegun}`);
  }

  #done(index: number): void {
    this.#snapshotDone = Math.max(this.#snapshotDone, index);
    this.#say(`snapshot-done ${this.#snapshotDone}`);
  }

  /** Fails unless `storage` holds what was reported, and nothing that was never written. */
  async check(storage: Storage, where: string): Promise<void> {
    const { stored } = storage;
    const snapshot = stored.snapshot.index;
    assert.ok(snapshot >= this.#snapshotDone && snapshot <= this.#snapshotBegun, where);
    const possible = this.#states.slice(this.#durable);
    const found = possible.findLastIndex((state) => isState(state, stored));
    assert.ok(found >= 0, `${where}: ${describe(stored)} is none of ${possible.length} states`);
    if (snapshot > 0) {
      assert.deepEqual(await contentOf(storage, snapshot), stateBytes(snapshot), where);
    }
    // From now on this is what was promised: whoever restarts acts on it.
    this.#states.splice(0, this.#states.length, possible[found] as State);
    this.#durable = 0;
    this.#snapshotDone = snapshot;
    this.#snapshotBegun = snapshot;
  }
}

function isState({ base, hard, log }: State, stored: StoredState): boolean {
  const { snapshot, hardState: found } = stored;
  if (base > snapshot.index || hard.term !== found.term || hard.vote !== found.vote) return false;
  const expected = [...log].filter(([index]) => index > snapshot.index);
  // A snapshot of entries that were then replaced would be one of another log.
  const isOurs = base === snapshot.index || log.get(snapshot.index) === snapshot.term;
  return (
    isOurs &&
    expected.length === stored.entries.length &&
    stored.entries.every(({ index, term }, i) => {
      const row = expected[i];
      return row !== undefined && row[0] === index && row[1] === term;
    })
  );
}

const describe = ({ hardState: hard, snapshot, entries: list }: StoredState): string =>
  `${JSON.stringify(hard)} after ${snapshot.index}, entries ${list
    .map(({ index, term }) => `${index}:${term}`)
    .join(' ')}`;

const large = (from: number, to: number, term: number): Entry[] => entries(from, to, term, 250);

/** A life in which everything happens: votes, replaced entries, snapshots written and received, segments used again. */
export async function live(storage: Storage, ledger: Ledger): Promise<void> {
  const append = (write: Partial<StorageWrite>): Promise<void> =>
    ledger.append(storage, { entries: [], ...write });
  await append({ hardState: hardState(1, 'n1') });
  await Promise.all([append({ entries: large(1, 4, 1) }), append({ entries: large(5, 6, 1) })]);
  await append({ hardState: hardState(2, 'n2', 4), entries: large(6, 12, 2) });
  for (let i = 13; i <= 24; i++) await append({ entries: large(i, i, 2) });
  await Promise.all([
    ledger.snapshot(storage, 18, 2),
    append({ entries: large(25, 26, 2) }),
    append({ entries: large(27, 30, 2) }),
  ]);
  storage.compact(18);
  await append({ hardState: hardState(3, 'n3', 26), entries: large(28, 33, 3) });
  await ledger.snapshot(storage, 32, 3);
  storage.compact(30);
  for (let i = 34; i <= 44; i++) await append({ entries: large(i, i, 3) });
  await received(storage, announcedAt(60, 4), stateBytes(60));
  await append({ snapshot: metaAt(60, 4), entries: large(61, 61, 4), hardState: hardState(4) });
  for (let i = 62; i <= 70; i++) await append({ entries: large(i, i, 4) });
}
