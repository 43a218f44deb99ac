/**
 * A snapshot as one receiver reads it, over many requests. It stays open in between: a file that is being read is not removed,
 * however many newer snapshots this member takes meanwhile, so that a slow transfer comes to its end.
 */
import { RpcError } from '../rpc/index.ts';
import type { CancelTimer, Clock } from '../std/index.ts';
import type { SnapshotPort } from './peers.ts';

/** A receiver that was silent for so long is gone. */
const IDLE_MS = 30_000;

export interface Reading {
  readonly index: number;
  /** Size of the file. */
  readonly bytes: number;
  /** Where the next bytes come from. */
  position: number;
  isBusy: boolean;
  /** At most so many bytes from `position` on; empty at the end. */
  next(bytesMax: number): Promise<Uint8Array>;
  close(): void;
}

export interface Readings {
  /** The file at `offset` for one receiver; rejects with RpcError when it cannot be read. */
  begin(key: string, index: number, offset: number, port: SnapshotPort): Promise<Reading>;
  /** The receiver may ask for more. */
  pause(key: string, reading: Reading): void;
  stop(): void;
}

export function createReadings(clock: Clock): Readings {
  const open = new Map<string, { reading: Reading; cancel: CancelTimer }>();
  const close = (key: string): void => {
    const found = open.get(key);
    open.delete(key);
    found?.cancel();
    found?.reading.close();
  };
  return {
    async begin(key, index, offset, port) {
      const before = open.get(key)?.reading;
      const isSameFile = before?.index === index;
      if (isSameFile && before.position === offset && !before.isBusy) {
        open.get(key)?.cancel();
        return before;
      }
      const bytes = port.describe(index)?.bytes ?? (isSameFile ? before.bytes : undefined);
      if (bytes === undefined) throw new RpcError('not-found', `there is no snapshot ${index}`);
      if (offset >= bytes) throw new RpcError('out-of-range', 'no such part of the snapshot');
      // The old one is closed when the new one is open: nothing else may hold the file.
      const reading = await openReading(index, offset, bytes, port);
      close(key);
      open.set(key, { reading, cancel: () => undefined });
      return reading;
    },
    pause(key, reading) {
      reading.isBusy = false;
      if (open.get(key)?.reading !== reading) return;
      if (reading.position >= reading.bytes) return close(key);
      open.set(key, { reading, cancel: clock.schedule(IDLE_MS, () => close(key)) });
    },
    stop() {
      for (const key of [...open.keys()]) close(key);
    },
  };
}

async function openReading(
  index: number,
  offset: number,
  bytes: number,
  port: SnapshotPort,
): Promise<Reading> {
  const blocks = port.read(index, offset)[Symbol.asyncIterator]();
  const nextBlock = async (): Promise<Uint8Array> => {
    try {
      const { done, value } = await blocks.next();
      return done === true ? new Uint8Array(0) : value;
    } catch (error) {
      throw new RpcError('data-loss', `cannot read the snapshot: ${(error as Error).message}`);
    }
  };
  let rest = await nextBlock();
  const reading: Reading = {
    index,
    bytes,
    position: offset,
    isBusy: false,
    async next(bytesMax) {
      if (rest.length === 0) rest = await nextBlock();
      const part = rest.subarray(0, bytesMax);
      rest = rest.subarray(part.length);
      reading.position += part.length;
      return part;
    },
    close: () => void blocks.return?.().catch(() => undefined),
  };
  return reading;
}
