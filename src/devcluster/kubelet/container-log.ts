/** The log of one container: lines with time stamps in files of limited size, readable while they are written. */
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../../std/index.ts';

export interface LogQuery {
  readonly follow?: boolean;
  /** The log of the run before the current one. */
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  /** RFC 3339. */
  readonly sinceTime?: string;
  readonly limitBytes?: number;
}

export interface ContainerLog {
  /** Takes output of the process; a line is stored when its end has come. */
  append(chunk: Buffer): void;
  /** Stores an unfinished last line and tells followers that there is no more. */
  end(): void;
  /** Calls `onText` with what there is, and with `follow` until the log ends or `signal` aborts. */
  read(query: LogQuery, onText: (text: string) => void, signal: AbortSignal): Promise<void>;
  /** The last lines, for a termination message: at most `bytesMax` bytes. */
  tail(linesMax: number, bytesMax: number): string;
}

/** Two files of this size are kept per run of a container. */
const FILE_BYTES_MAX = 5 * 1024 * 1024;
/** A longer line is stored in pieces. */
const LINE_CHARACTERS_MAX = 16 * 1024;

export function createContainerLog(options: {
  readonly folder: string;
  readonly name: string;
  readonly clock: Clock;
  readonly fileBytesMax?: number;
}): ContainerLog {
  const { clock, fileBytesMax = FILE_BYTES_MAX } = options;
  mkdirSync(options.folder, { recursive: true });
  const path = join(options.folder, `${options.name}.log`);
  const followers = new Set<(line: string | undefined) => void>();
  const decoder = new StringDecoder('utf8');
  let file: number | undefined = openSync(path, 'a', 0o600);
  let bytes = 0;
  let rest = '';

  // Writing is synchronous on purpose: a reader that lists the file and then follows misses and repeats nothing.
  const store = (lines: readonly string[]): void => {
    if (lines.length === 0 || file === undefined) return;
    const stamped = lines.map((line) => `${new Date(clock.wall()).toISOString()} ${line}\n`);
    bytes += writeSync(file, stamped.join(''));
    for (const line of stamped) for (const follower of followers) follower(line);
    if (bytes < fileBytesMax) return;
    closeSync(file);
    renameSync(path, `${path}.1`);
    file = openSync(path, 'a', 0o600);
    bytes = 0;
  };
  const stored = (): string[] => {
    const older = readIfThere(`${path}.1`);
    return (older + readIfThere(path)).split(/(?<=\n)/).filter((line) => line !== '');
  };

  return {
    append(chunk) {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_CHARACTERS_MAX) {
        lines.push(rest);
        rest = '';
      }
      store(lines);
    },
    end() {
      if (file === undefined) return;
      const last = rest + decoder.end();
      if (last !== '') store([last]);
      closeSync(file);
      file = undefined;
      for (const follower of followers) follower(undefined);
    },
    read: (query, onText, signal) =>
      readLog({
        query,
        onText,
        signal,
        clock,
        lines: stored,
        followers,
        isOpen: () => file !== undefined,
      }),
    tail(linesMax, bytesMax) {
      const text = stored().slice(-linesMax).map(withoutStamp).join('');
      return text.slice(-bytesMax);
    },
  };
}

const readIfThere = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

const withoutStamp = (line: string): string => line.slice(line.indexOf(' ') + 1);

interface ReadInput {
  readonly query: LogQuery;
  readonly onText: (text: string) => void;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly lines: () => string[];
  readonly followers: Set<(line: string | undefined) => void>;
  readonly isOpen: () => boolean;
}

function readLog(input: ReadInput): Promise<void> {
  const { query, signal, followers } = input;
  const since =
    query.sinceTime !== undefined
      ? Date.parse(query.sinceTime)
      : query.sinceSeconds !== undefined
        ? input.clock.wall() - query.sinceSeconds * 1000
        : Number.NEGATIVE_INFINITY;
  let left = query.limitBytes ?? Number.POSITIVE_INFINITY;
  const emit = (line: string): void => {
    const text = query.timestamps === true ? line : withoutStamp(line);
    const allowed =
      Buffer.byteLength(text) <= left ? text : Buffer.from(text).subarray(0, left).toString();
    left -= Buffer.byteLength(allowed);
    if (allowed !== '') input.onText(allowed);
  };
  const recent = input
    .lines()
    .filter((line) => !(Date.parse(line.slice(0, line.indexOf(' '))) < since));
  const { tailLines } = query;
  const shown = tailLines === undefined ? recent : tailLines === 0 ? [] : recent.slice(-tailLines);
  for (const line of shown) emit(line);
  if (query.follow !== true || !input.isOpen() || signal.aborted || left <= 0)
    return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      followers.delete(follower);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const follower = (line: string | undefined): void => {
      if (line !== undefined) emit(line);
      if (line === undefined || left <= 0) finish();
    };
    followers.add(follower);
    signal.addEventListener('abort', finish, { once: true });
  });
}

/** Deletes the files of a log. */
export function removeContainerLog(folder: string, name: string): void {
  for (const suffix of ['', '.1']) rmSync(join(folder, `${name}.log${suffix}`), { force: true });
}
