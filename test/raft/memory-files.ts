/**
 * A disk that forgets what was not flushed, and that can fail: for tests of what survives a crash. Names are forgotten too,
 * unless the folder was flushed, and what was not flushed may reach the disk in pieces.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Random } from '../../src/std/index.ts';
import type { WalFile, WalFiles } from '../../src/raft/wal-files.ts';

interface Content {
  durable: Buffer;
  current: Buffer;
}

export type Operation =
  'create' | 'write' | 'sync' | 'rename' | 'remove' | 'sync-directory' | 'read' | 'open';

type Names = Map<string, Content>;
type Change = (names: Names) => void;

/** How much of what was not flushed reaches the disk when power is lost. */
export interface Survival {
  /** The first so many bytes of each file that changed; the rest stays as it was. */
  readonly bytes?: number;
  /** Changes of names, oldest first. */
  readonly names?: number;
  /** Each sector of 512 bytes by chance, instead of the first bytes. */
  readonly random?: Random;
}

export class MemoryFiles implements WalFiles {
  /** The folder as processes see it. */
  readonly files: Names = new Map();
  /** The folder as it is on the disk. */
  readonly #durableNames: Names = new Map();
  #changes: Change[] = [];
  /** Called before each operation; what it throws stands for a broken disk, and a promise for a slow one. */
  before: (operation: Operation, name: string) => void | Promise<void> = () => undefined;
  locked = false;
  syncs = 0;

  /** The folder that is there when power comes back. */
  losePower(survival: Survival = {}): MemoryFiles {
    const names = new Map(this.#durableNames);
    const kept = survival.names ?? 0;
    for (const change of this.#changes.slice(0, kept)) change(names);
    const after = new MemoryFiles();
    for (const [name, content] of names) after.put(name, survivor(content, survival));
    return after;
  }

  /** A file that is durably there. */
  put(name: string, bytes: Uint8Array): void {
    const content = { durable: Buffer.from(bytes), current: Buffer.from(bytes) };
    this.files.set(name, content);
    this.#durableNames.set(name, content);
  }

  /** The bytes of a file, to look at or to damage. */
  bytes(name: string): Buffer {
    const content = this.files.get(name);
    if (content === undefined) throw Object.assign(new Error(`no ${name}`), { code: 'ENOENT' });
    return content.current;
  }

  /** A file vanishes durably. */
  lose(name: string): void {
    this.files.delete(name);
    this.#durableNames.delete(name);
  }

  /** How many changes of names are not flushed. */
  get unflushedNames(): number {
    return this.#changes.length;
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
  async read(name: string): Promise<Buffer> {
    await this.#step('read', name);
    return Buffer.from(this.bytes(name));
  }
  async create(name: string): Promise<WalFile> {
    await this.#step('create', name);
    const content = { durable: Buffer.alloc(0), current: Buffer.alloc(0) };
    this.#change((names) => names.set(name, content));
    return this.#handle(name, content);
  }
  async open(name: string): Promise<WalFile> {
    await this.#step('open', name);
    this.bytes(name);
    return this.#handle(name, this.files.get(name) as Content);
  }
  async rename(from: string, to: string): Promise<void> {
    await this.#step('rename', from);
    this.bytes(from);
    this.#change((names) => {
      names.set(to, names.get(from) as Content);
      names.delete(from);
    });
  }
  async remove(name: string): Promise<void> {
    await this.#step('remove', name);
    this.#change((names) => names.delete(name));
  }
  async syncDirectory(): Promise<void> {
    await this.#step('sync-directory', '');
    for (const change of this.#changes) change(this.#durableNames);
    this.#changes = [];
  }

  #change(change: Change): void {
    change(this.files);
    this.#changes.push(change);
  }

  async #step(operation: Operation, name: string): Promise<void> {
    await turn();
    await this.before(operation, name);
  }

  #handle(name: string, content: Content): WalFile {
    const file: WalFile = {
      async writeDurably(data, offset) {
        await file.write(data, offset);
        await file.sync();
      },
      write: async (data, offset) => {
        // The caller may use its buffer again only after the write: taking it late shows who does not wait.
        await this.#step('write', name);
        const size = Math.max(content.current.length, offset + data.length);
        if (size > content.current.length) {
          content.current = Buffer.concat([content.current], size);
        }
        content.current.set(data, offset);
      },
      read: async (offset, length) => {
        await this.#step('read', name);
        return Buffer.from(content.current.subarray(offset, offset + length));
      },
      size: () => Promise.resolve(content.current.length),
      sync: async () => {
        const flushed = Buffer.from(content.current);
        await this.#step('sync', name);
        this.syncs += 1;
        content.durable = flushed;
      },
      close: () => Promise.resolve(),
    };
    return file;
  }
}

const SECTOR_BYTES = 512;

function survivor({ durable, current }: Content, { bytes = 0, random }: Survival): Buffer {
  if (random !== undefined) {
    const size = random.next() < 0.5 ? durable.length : current.length;
    const kept = Buffer.concat([durable], size);
    for (let at = 0; at < size; at += SECTOR_BYTES) {
      const end = Math.min(at + SECTOR_BYTES, size);
      if (random.next() < 0.5) kept.set(current.subarray(at, end), at);
    }
    return kept;
  }
  const kept = Buffer.concat([durable], Math.max(durable.length, bytes > 0 ? current.length : 0));
  let left = bytes;
  for (let i = 0; i < current.length && left > 0; i++) {
    if (kept[i] === current[i]) continue;
    kept[i] = current[i] as number;
    left -= 1;
  }
  return kept;
}
