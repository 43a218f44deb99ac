/** A disk that forgets what was not flushed, and that can fail: for tests of what survives a crash. */
import type { WalFile, WalFiles } from '../../src/raft/wal-files.ts';

interface Content {
  durable: Buffer;
  current: Buffer;
}

export class MemoryFiles implements WalFiles {
  readonly files = new Map<string, Content>();
  /** Throws from here stand for a broken disk. */
  beforeWrite: () => void = () => undefined;
  beforeSync: () => void | Promise<void> = () => undefined;
  locked = false;
  syncs = 0;

  /** Power is lost: of what was not flushed, the first `survivingBytes` of each file reach the disk. */
  losePower(survivingBytes = 0): MemoryFiles {
    const after = new MemoryFiles();
    for (const [name, { durable, current }] of this.files) {
      const kept = Buffer.from(durable);
      let left = survivingBytes;
      for (let i = 0; i < current.length && left > 0; i++) {
        if (kept[i] === current[i]) continue;
        kept[i] = current[i] as number;
        left -= 1;
      }
      after.files.set(name, { durable: kept, current: Buffer.from(kept) });
    }
    return after;
  }

  lock(): Promise<void> {
    this.locked = true;
    return Promise.resolve();
  }
  unlock(): Promise<void> {
    this.locked = false;
    return Promise.resolve();
  }
  list(): Promise<string[]> {
    return Promise.resolve([...this.files.keys()]);
  }
  read(name: string): Promise<Buffer> {
    return Promise.resolve(Buffer.from((this.files.get(name) as Content).current));
  }
  create(name: string, sizeBytes: number): Promise<WalFile> {
    const content = { durable: Buffer.alloc(sizeBytes), current: Buffer.alloc(sizeBytes) };
    this.files.set(name, content);
    return this.open(name);
  }
  open(name: string): Promise<WalFile> {
    const content = this.files.get(name) as Content;
    return Promise.resolve({
      write: async (data, offset) => {
        this.beforeWrite();
        content.current.set(data, offset);
      },
      sync: async () => {
        await this.beforeSync();
        this.syncs += 1;
        content.durable = Buffer.from(content.current);
      },
      close: () => Promise.resolve(),
    });
  }
}
