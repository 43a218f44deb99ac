/** Reading a write-ahead log back: every frame in order, a torn end told from damage, holes and foreign logs refused. */
import { emptyState, bootstrapState } from './core/index.ts';
import { WalError } from './errors.ts';
import type { WalFiles } from './wal-files.ts';
import { segmentName } from './wal-folder.ts';
import {
  boundOfText,
  FORMAT_VERSION,
  FRAME_HEADER_BYTES,
  FrameEncoder,
  hasFrameAfter,
  readFrame,
  saltOf,
  type Base,
  type DiskIdentity,
  type WalRecord,
} from './wal-frames.ts';
import { corrupt, LogHistory } from './wal-history.ts';
import type { Segment, SegmentPool } from './wal-segments.ts';

/** A segment before the one that is written. */
export interface OldSegment {
  readonly number: number;
  readonly size: number;
  /** The highest entry in it that may still be needed. */
  readonly lastIndex: number;
}

export interface RecoveredLog {
  readonly history: LogHistory;
  readonly older: readonly OldSegment[];
  readonly current: Segment;
  /** The highest entry in the current segment. */
  readonly currentLastIndex: number;
  /** Files behind the current segment that were made ready and never begun. */
  readonly unused: readonly number[];
  /** Bytes of a torn last frame that were cut off; 0 after a clean stop. */
  readonly repairedBytes: number;
}

/** Writes the first segment of a new log: durable before the folder is anybody's. */
export async function beginLog(
  pool: SegmentPool,
  identity: DiskIdentity,
  bootstrapVoters: readonly string[],
): Promise<void> {
  const isFounder = bootstrapVoters.includes(identity.nodeId);
  const { hardState, snapshot } = isFounder ? bootstrapState(bootstrapVoters) : emptyState();
  const base: Base = { kind: isFounder ? 'bootstrap' : 'empty', meta: snapshot };
  const segment = await pool.take(1, FRAME_HEADER_BYTES);
  const preamble = {
    version: FORMAT_VERSION,
    identity,
    segment: 1,
    size: segment.size,
    previousEnd: 0,
    base,
    lastIndex: snapshot.index,
    hardState,
  };
  const encoder = new FrameEncoder();
  encoder.begin(boundOfText(preamble));
  encoder.preamble(preamble);
  await segment.file.write(encoder.finish(segment.salt, 0), 0);
  await segment.file.sync();
  await segment.file.close();
}

/** Reads the segments with these numbers, and mends what a crash left of the last write. */
export async function recoverLog(
  files: WalFiles,
  identity: DiskIdentity,
  segments: readonly number[],
): Promise<RecoveredLog> {
  const scan = new SegmentScan(files, identity);
  for (const [i, number] of segments.entries()) {
    const before = segments[i - 1];
    if (before !== undefined && number !== before + 1) {
      throw new WalError('hole', `the segment ${segmentName(before + 1)} is missing`);
    }
    await scan.read(number);
  }
  return scan.finish();
}

interface Scanned {
  readonly number: number;
  readonly size: number;
  /** Where its frames end, apart from the one that seals it. */
  end: number;
  isSealed: boolean;
  lastIndex: number;
}

class SegmentScan {
  readonly #files: WalFiles;
  readonly #identity: DiskIdentity;
  readonly #history: LogHistory;
  readonly #begun: Scanned[] = [];
  readonly #unused: number[] = [];
  #damaged:
    { readonly number: number; readonly offset: number; readonly bytes: number } | undefined;

  constructor(files: WalFiles, identity: DiskIdentity) {
    this.#files = files;
    this.#identity = identity;
    this.#history = new LogHistory(identity);
  }

  async read(number: number): Promise<void> {
    const content = await this.#files.read(segmentName(number));
    const salt = saltOf(this.#identity.diskId, number);
    const scanned: Scanned = {
      number,
      size: content.length,
      end: 0,
      isSealed: false,
      lastIndex: 0,
    };
    let offset = 0;
    for (;;) {
      const where = `${segmentName(number)} at byte ${offset}`;
      const read = readFrame(content, offset, salt);
      if (read.kind !== 'frame') {
        if (hasFrameAfter(content, offset, salt)) {
          throw corrupt(`${where} is no valid data, but after it there is`);
        }
        if (read.kind === 'damaged') this.#damaged = { number, offset, bytes: read.bytes };
        break;
      }
      if (offset === 0) this.#begin(read.records, content.length, where);
      for (const record of read.records) this.#take(record, scanned, where);
      offset = read.end;
      if (!scanned.isSealed) scanned.end = offset;
    }
    if (offset === 0) this.#unused.push(number);
    else this.#begun.push(scanned);
  }

  async finish(): Promise<RecoveredLog> {
    const last = this.#begun.at(-1);
    if (last === undefined) throw new WalError('hole', 'the segments of the log are missing');
    if (last.isSealed) {
      throw new WalError('hole', `the log went on in ${segmentName(last.number + 1)}: it is lost`);
    }
    await this.#mend();
    const { number, size, end, lastIndex } = last;
    const file = await this.#files.open(segmentName(number));
    return {
      history: this.#history,
      older: this.#begun.slice(0, -1),
      current: { number, file, size, offset: end, salt: saltOf(this.#identity.diskId, number) },
      currentLastIndex: lastIndex,
      unused: this.#unused,
      repairedBytes: this.#damaged?.bytes ?? 0,
    };
  }

  #begin(records: readonly WalRecord[], size: number, where: string): void {
    const empty = this.#unused[0];
    if (empty !== undefined)
      throw corrupt(`${segmentName(empty)} is empty, but a later segment is not`);
    const [first] = records;
    if (first?.type !== 'preamble') throw corrupt(`${where} is no beginning of a segment`);
    const { size: made } = first.preamble;
    if (size < made) throw corrupt(`${where}: the file has ${size} bytes of ${made}`);
    this.#history.takePreamble(first.preamble, this.#begun.at(-1)?.end, where);
    // A torn end of an earlier segment would not have passed this.
    this.#damaged = undefined;
  }

  #take(record: WalRecord, scanned: Scanned, where: string): void {
    this.#history.take(record, where);
    if (record.type === 'sealed') scanned.isSealed = true;
    if (record.type === 'entry') {
      scanned.lastIndex = Math.max(scanned.lastIndex, record.entry.index);
    }
    if (record.type === 'snapshot' && record.snapshot.effect === 'install') {
      for (const segment of [...this.#begun, scanned]) segment.lastIndex = 0;
    }
  }

  /** Takes the torn frame its header, so that nothing written later can make it whole. */
  async #mend(): Promise<void> {
    if (this.#damaged === undefined) return;
    const { number, offset } = this.#damaged;
    const file = await this.#files.open(segmentName(number));
    try {
      await file.write(new Uint8Array(FRAME_HEADER_BYTES), offset);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
