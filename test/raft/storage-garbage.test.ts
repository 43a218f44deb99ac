/** Whatever stands in a data folder: it is opened as it was written, or refused with a reason. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WalError } from '../../src/raft/errors.ts';
import { verifies } from '../requirements.ts';
import { contentOf, entries, hardState, metaAt, openDisk, written } from './disk.ts';
import { MemoryFiles } from './memory-files.ts';

const STATE = Buffer.from('state '.repeat(500));
const LAST = 45;

/** A folder with a snapshot, several segments, one of them used before, and one entry a frame. */
async function livedIn(): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const storage = await openDisk(files);
  await written(storage, { hardState: hardState(2, 'n1') });
  for (let i = 1; i <= 30; i++) await written(storage, { entries: entries(i, i, 2) });
  await storage.writeSnapshot(metaAt(28, 2), [STATE]);
  storage.compact(28);
  for (let i = 31; i <= LAST; i++) await written(storage, { entries: entries(i, i, 2) });
  await storage.close();
  return files.losePower();
}

type Damage =
  | { readonly kind: 'overwrite'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'replace'; readonly bytes: Uint8Array }
  | { readonly kind: 'swap'; readonly other: number }
  | { readonly kind: 'lose' };

const share = fc.double({ min: 0, max: 1, noNaN: true });
const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: 1, maxLength });
const damages: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('overwrite' as const), at: share, bytes: bytes(600) }),
  fc.record({ kind: fc.constant('flip' as const), at: share, bit: fc.nat(7) }),
  fc.record({ kind: fc.constant('cut' as const), at: share }),
  fc.record({ kind: fc.constant('replace' as const), bytes: bytes(5_000) }),
  fc.record({ kind: fc.constant('swap' as const), other: fc.nat(20) }),
  fc.constant({ kind: 'lose' as const }),
);

function apply(disk: MemoryFiles, name: string, damage: Damage): void {
  const content = disk.bytes(name);
  const place = 'at' in damage ? Math.floor(damage.at * (content.length - 1)) : 0;
  switch (damage.kind) {
    case 'overwrite':
      content.set(damage.bytes.subarray(0, content.length - place), place);
      return;
    case 'flip':
      content[place] = (content[place] as number) ^ (1 << damage.bit);
      return;
    case 'cut':
      return disk.put(name, content.subarray(0, place));
    case 'replace':
      return disk.put(name, damage.bytes);
    case 'swap': {
      const names = [...disk.files.keys()];
      const other = names[damage.other % names.length] as string;
      const theirs = Buffer.from(disk.bytes(other));
      disk.put(other, content);
      return disk.put(name, theirs);
    }
    case 'lose':
      return disk.lose(name);
  }
}

test(verifies('raft.garbage-is-refused'), async () => {
  const whole = await livedIn();
  const names = [...whole.files.keys()].sort();
  const outcomes = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.nat(names.length - 1), damages, async (file, damage) => {
      const disk = whole.losePower();
      apply(disk, names[file] as string, damage);
      let outcome = 'opened';
      try {
        const storage = await openDisk(disk);
        const { stored } = storage;
        // A damaged end cannot be told from a torn write; everything before it must be there.
        const last = stored.entries.at(-1)?.index ?? stored.snapshot.index;
        assert.ok(last === LAST || last === LAST - 1, `the log ends at ${last}`);
        assert.equal(stored.snapshot.index, 28);
        assert.deepEqual(
          stored.entries.map(({ index, term, data }) => ({ index, term, data: Buffer.from(data) })),
          entries(29, last, 2).map(({ index, term, data }) => ({ index, term, data })),
        );
        const content = await contentOf(storage, 28).finally(() => storage.close());
        assert.deepEqual(content, STATE);
      } catch (error) {
        if (!(error instanceof WalError)) throw error;
        outcome = error.code;
      }
      assert.equal(disk.locked, false);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }),
    { numRuns: 800, examples: [[3, { kind: 'cut', at: 0.17631257631257632 }]] },
  );
  for (const code of ['opened', 'corrupt', 'hole', 'snapshot-damaged', 'identity']) {
    assert.ok(outcomes.has(code), `${code} among ${[...outcomes.keys()].join()}`);
  }
});
