/** A real disk with named points between its steps, where a process can end itself. */
import { diskFiles, type WalFile, type WalFiles } from '../../src/raft/wal-files.ts';

export const DISK_POINTS = [
  'create.before',
  'create.after',
  'write.before',
  'write.half',
  'write.after',
  'sync.before',
  'sync.after',
  'rename.before',
  'rename.after',
  'remove.before',
  'remove.after',
  'dirsync.before',
  'dirsync.after',
] as const;

/** Calls `reached` with the name of each point as it is passed. */
export function filesWithPoints(directory: string, reached: (point: string) => void): WalFiles {
  const files = diskFiles(directory);
  const around = async <T>(step: string, work: () => Promise<T>): Promise<T> => {
    reached(`${step}.before`);
    const result = await work();
    reached(`${step}.after`);
    return result;
  };
  const wrap = (file: WalFile): WalFile => {
    const wrapped: WalFile = {
      ...file,
      write: (data, offset) =>
        around('write', async () => {
          const half = Math.floor(data.length / 2);
          await file.write(data.subarray(0, half), offset);
          reached('write.half');
          await file.write(data.subarray(half), offset + half);
        }),
      sync: () => around('sync', () => file.sync()),
      // In two steps, so that the process can end between them as the machine can.
      async writeDurably(data, offset) {
        await wrapped.write(data, offset);
        await wrapped.sync();
      },
    };
    return wrapped;
  };
  return {
    ...files,
    create: (name) => around('create', async () => wrap(await files.create(name))),
    open: async (name) => wrap(await files.open(name)),
    rename: (from, to) => around('rename', () => files.rename(from, to)),
    remove: (name) => around('remove', () => files.remove(name)),
    syncDirectory: () => around('dirsync', () => files.syncDirectory()),
  };
}
