/** The write-ahead log: what a member promised, in segments of preallocated files. Everything waiting goes into one flush. */
import type { Clock } from '../std/index.ts';
import type { HardState, StoredState } from './core/index.ts';
import {
  encodeFrame,
  FORMAT_VERSION,
  FRAME_HEADER_BYTES,
  isZero,
  recordBytes,
  type WalIdentity,
  type WalRecord,
} from './wal-format.ts';
import type { WalFile, WalFiles } from './wal-files.ts';
import { corrupt, createReplay, nameOf, scanSegment } from './wal-replay.ts';

const SEGMENT_BYTES = 16 * 2 ** 20;
/** Records gathered for one flush; a single larger write still goes through. */
const FRAME_BYTES_MAX = 8 * 2 ** 20;
const SEGMENT_NAME = /^(\d{8})\.wal$/;

export interface WalOptions {
  readonly files: WalFiles;
  readonly identity: WalIdentity;
  readonly clock: Clock;
  /** Called with the duration of each flush, in seconds. */
  readonly onFlush?: (seconds: number) => void;
  /** Called once when a write or flush failed: what is on disk is unknown then, nothing is written after it. */
  readonly onFailure: (error: Error) => void;
  readonly segmentBytes?: number;
}

export interface Wal {
  /** What the log held when it was opened. */
  readonly stored: StoredState;
  /** Bytes of a torn last frame that were cut off at open; 0 after a clean stop. */
  readonly repairedBytes: number;
  /**
   * Writes `records` after all earlier ones and calls `onDurable` when they and all before are on disk, in order. With no
   * records it only waits for earlier ones (and calls back at once when there are none).
   */
  append(records: readonly WalRecord[], onDurable: () => void): void;
  /** Writes that are not durable yet. */
  waiting(): number;
  /** Waits for what was appended, then releases the folder. */
  close(): Promise<void>;
}

interface Write {
  readonly records: readonly WalRecord[];
  readonly onDurable: () => void;
}

/** Opens or creates the log in a folder; rejects with {@link WalError} when it is damaged, foreign or in use. */
export async function openWal(options: WalOptions): Promise<Wal> {
  await options.files.lock();
  try {
    return await recover(options);
  } catch (error) {
    await options.files.unlock();
    throw error;
  }
}

interface Position {
  segment: number;
  offset: number;
  size: number;
  file: WalFile;
}

async function recover(options: WalOptions): Promise<Wal> {
  const { files } = options;
  const segments = (await files.list())
    .map((name) => SEGMENT_NAME.exec(name)?.[1])
    .filter((number) => number !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
  const replay = createReplay(options.identity);
  let repairedBytes = 0;
  let position: Position | undefined;
  for (const [i, segment] of segments.entries()) {
    if (i > 0 && segment !== (segments[i - 1] as number) + 1) {
      throw corrupt(`segment ${nameOf(segment - 1)} is missing`);
    }
    const content = await files.read(nameOf(segment));
    const isLast = i === segments.length - 1;
    const end = scanSegment(content, segment, isLast, replay.take);
    if (!isLast) continue;
    const file = await files.open(nameOf(segment));
    repairedBytes = await clearTail(file, content, end);
    position = { segment, offset: end, size: content.length, file };
  }
  // A crash right after a segment was created leaves it without its first frame, or with a torn one.
  if (position === undefined) position = await createSegment(options, 1);
  if (position.offset === 0) await writeHeader(options, position, replay.hardState());
  return createWriter(options, position, replay.stored(), repairedBytes);
}

/** Overwrites what a torn write left, so that it can never be read again; returns how many bytes that were. */
async function clearTail(file: WalFile, content: Buffer, end: number): Promise<number> {
  const tail = content.subarray(end);
  if (isZero(tail)) return 0;
  const lastUsed = tail.findLastIndex((byte) => byte !== 0);
  await file.write(new Uint8Array(lastUsed + 1), end);
  await file.sync();
  return lastUsed + 1;
}

async function createSegment(
  options: WalOptions,
  segment: number,
  bytesMin = 0,
): Promise<Position> {
  const size = Math.max(options.segmentBytes ?? SEGMENT_BYTES, bytesMin);
  const file = await options.files.create(nameOf(segment), size);
  return { segment, offset: 0, size, file };
}

/** The first frame of each segment: whose it is, and term and vote, so that earlier segments may go one day. */
async function writeHeader(
  options: WalOptions,
  position: Position,
  hardState: HardState,
): Promise<void> {
  const { identity } = options;
  await writeFrame(position, [
    { type: 'identity', version: FORMAT_VERSION, identity },
    { type: 'hard-state', hardState },
  ]);
}

async function writeFrame(position: Position, records: readonly WalRecord[]): Promise<void> {
  const frame = encodeFrame(records, position);
  await position.file.write(frame, position.offset);
  await position.file.sync();
  position.offset += frame.length;
}

function createWriter(
  options: WalOptions,
  first: Position,
  stored: StoredState,
  repairedBytes: number,
): Wal {
  let position = first;
  let hard = stored.hardState;
  let queue: Write[] = [];
  let inFlight = 0;
  let failure: Error | undefined;
  let running: Promise<void> | undefined;

  async function flush(writes: readonly Write[]): Promise<void> {
    const records = writes.flatMap((write) => write.records);
    if (records.length === 0) return;
    const bytes =
      FRAME_HEADER_BYTES + records.reduce((sum, record) => sum + recordBytes(record), 0);
    const started = options.clock.monotonic();
    if (position.offset + bytes > position.size) {
      const next = await createSegment(options, position.segment + 1, bytes + 4_096);
      await position.file.close();
      position = next;
      await writeHeader(options, position, hard);
    }
    await writeFrame(position, records);
    for (const record of records) if (record.type === 'hard-state') hard = record.hardState;
    options.onFlush?.((options.clock.monotonic() - started) / 1000);
  }
  async function run(): Promise<void> {
    try {
      while (queue.length > 0) {
        const writes = takeBatch(queue);
        queue = queue.slice(writes.length);
        inFlight = writes.length;
        await flush(writes);
        inFlight = 0;
        for (const write of writes) write.onDurable();
      }
    } catch (error) {
      failure = error as Error;
      queue = [];
      options.onFailure(failure);
    }
    running = undefined;
  }
  return {
    stored,
    repairedBytes,
    append(records, onDurable) {
      if (failure !== undefined) return;
      if (records.length === 0 && running === undefined) return onDurable();
      queue.push({ records, onDurable });
      running ??= run();
    },
    waiting: () => queue.length + inFlight,
    async close() {
      await running;
      await position.file.close();
      await options.files.unlock();
    },
  };
}

/** As many of the waiting writes as fit into one frame, at least one. */
function takeBatch(queue: readonly Write[]): Write[] {
  let bytes = 0;
  const over = queue.findIndex((write, i) => {
    bytes += write.records.reduce((sum, record) => sum + recordBytes(record), 0);
    return i > 0 && bytes > FRAME_BYTES_MAX;
  });
  return over < 0 ? [...queue] : queue.slice(0, over);
}
