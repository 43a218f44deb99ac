/**
 * Many byte strings as one: entries and commands travel in a frame of our own, because a protobuf message for each would
 * cost more than all else that is done with them. All numbers are little-endian.
 *
 * list    = count u32, count × (length u28 | kind u4), the bytes of all, nothing after
 * entries = runs u32, runs × (entries u32, term f64), list
 */
import type { Entry, EntryKind } from './core/index.ts';

const KINDS: readonly EntryKind[] = ['command', 'empty', 'config'];
const KIND_SHIFT = 28;
const LENGTH_MASK = 2 ** KIND_SHIFT - 1;
const WORD_BYTES = 4;
const RUN_BYTES = 12;

/** Consecutive entries without their indices, which follow from where the batch begins. */
export function packEntries(entries: readonly Entry[]): Uint8Array {
  if (entries.length === 0) return new Uint8Array(0);
  const runs = termRuns(entries);
  const start = WORD_BYTES + runs.length * RUN_BYTES;
  let bytes = start + WORD_BYTES * (1 + entries.length);
  for (const { data } of entries) bytes += data.length;
  const packed = Buffer.allocUnsafe(bytes);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  view.setUint32(0, runs.length, true);
  runs.forEach(({ count, term }, i) => {
    view.setUint32(WORD_BYTES + i * RUN_BYTES, count, true);
    view.setFloat64(2 * WORD_BYTES + i * RUN_BYTES, term, true);
  });
  view.setUint32(start, entries.length, true);
  let word = start + WORD_BYTES;
  let at = word + WORD_BYTES * entries.length;
  for (const { data, kind } of entries) {
    view.setUint32(word, ((KINDS.indexOf(kind) << KIND_SHIFT) | data.length) >>> 0, true);
    word += WORD_BYTES;
    packed.set(data, at);
    at += data.length;
  }
  return packed;
}

function termRuns(entries: readonly Entry[]): { count: number; term: number }[] {
  const runs: { count: number; term: number }[] = [];
  let last: { count: number; term: number } | undefined;
  for (const { term } of entries) {
    if (last?.term === term) last.count += 1;
    else runs.push((last = { count: 1, term }));
  }
  return runs;
}

/** The entries, the first of which has `firstIndex`; undefined when the bytes are no such frame. They share its memory. */
export function unpackEntries(packed: Uint8Array, firstIndex: number): Entry[] | undefined {
  if (packed.length === 0) return [];
  if (packed.length < WORD_BYTES) return undefined;
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const runs = view.getUint32(0, true);
  const start = WORD_BYTES + runs * RUN_BYTES;
  const list = unpackList(packed, start);
  if (list === undefined || list.items.length === 0) return undefined;
  const entries: Entry[] = [];
  for (let run = 0; run < runs; run++) {
    const count = view.getUint32(WORD_BYTES + run * RUN_BYTES, true);
    const term = view.getFloat64(2 * WORD_BYTES + run * RUN_BYTES, true);
    const end = entries.length + count;
    if (!Number.isSafeInteger(term) || count === 0 || end > list.items.length) return undefined;
    for (let i = entries.length; i < end; i++) {
      const kind = KINDS[list.kinds[i] as number];
      if (kind === undefined) return undefined;
      entries.push({ index: firstIndex + i, term, kind, data: list.items[i] as Uint8Array });
    }
  }
  return entries.length === list.items.length ? entries : undefined;
}

export function packCommands(commands: readonly Uint8Array[]): Uint8Array {
  let bytes = WORD_BYTES * (1 + commands.length);
  let at = bytes;
  for (const { length } of commands) bytes += length;
  const packed = Buffer.allocUnsafe(bytes);
  packed.writeUInt32LE(commands.length, 0);
  commands.forEach((command, i) => {
    packed.writeUInt32LE(command.length, WORD_BYTES * (1 + i));
    packed.set(command, at);
    at += command.length;
  });
  return packed;
}

/** The commands, sharing the memory of `packed`; undefined when the bytes are no such frame. */
export function unpackCommands(packed: Uint8Array): Uint8Array[] | undefined {
  const list = unpackList(packed, 0);
  return list?.kinds.every((kind) => kind === 0) ? list.items : undefined;
}

function unpackList(
  packed: Uint8Array,
  start: number,
): { items: Uint8Array[]; kinds: number[] } | undefined {
  if (start + WORD_BYTES > packed.length) return undefined;
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const count = view.getUint32(start, true);
  let at = start + WORD_BYTES * (1 + count);
  if (at > packed.length) return undefined;
  const items: Uint8Array[] = [];
  const kinds: number[] = [];
  for (let i = 0; i < count; i++) {
    const word = view.getUint32(start + WORD_BYTES * (1 + i), true);
    const length = word & LENGTH_MASK;
    if (at + length > packed.length) return undefined;
    items.push(packed.subarray(at, at + length));
    kinds.push(word >>> KIND_SHIFT);
    at += length;
  }
  return at === packed.length ? { items, kinds } : undefined;
}
