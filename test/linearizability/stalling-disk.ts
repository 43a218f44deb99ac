/** A disk that stops flushing on command, as a failing or throttled one does: writes are taken, no flush ends. */
import type { WalFile, WalFiles } from '../../src/raft/wal-files.ts';

export interface StallingDisk {
  readonly files: WalFiles;
  /** From now on no flush ends, until it is called with false. */
  stall(on: boolean): void;
}

export function stallingDisk(disk: WalFiles): StallingDisk {
  let released = Promise.resolve();
  let release: () => void = () => undefined;
  const flush = async (sync: () => Promise<void>): Promise<void> => {
    await released;
    await sync();
  };
  const opened = <A extends readonly unknown[]>(open: (...args: A) => Promise<WalFile>) => {
    return async (...args: A): Promise<WalFile> => {
      const file = await open(...args);
      return {
        ...file,
        sync: () => flush(() => file.sync()),
        writeDurably: (data, offset) => flush(() => file.writeDurably(data, offset)),
      };
    };
  };
  return {
    files: {
      ...disk,
      syncDirectory: () => flush(() => disk.syncDirectory()),
      create: opened((...args: Parameters<WalFiles['create']>) => disk.create(...args)),
      open: opened((...args: Parameters<WalFiles['open']>) => disk.open(...args)),
    },
    stall(on) {
      release();
      if (on) ({ promise: released, resolve: release } = Promise.withResolvers<void>());
    },
  };
}
