/** The other side: a small Go program around etcd's raft, built once into a folder for temporary files, and asked by lines. */
import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Run } from './events.ts';

const SOURCE = import.meta.dirname;

/** Why there is no other side to compare with; undefined when there is one. */
export function whyNoOracle(): string | undefined {
  try {
    execFileSync('go', ['version'], { cwd: SOURCE, stdio: 'ignore' });
  } catch {
    return 'there is no Go here, or too old a one';
  }
  try {
    execFileSync('go', ['mod', 'download'], { cwd: SOURCE, stdio: 'ignore' });
  } catch {
    return 'etcd’s raft, a Go module, cannot be had here';
  }
  return undefined;
}

/** Builds the program unless the same source was built before, and returns its path. */
export function buildOracle(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(SOURCE).sort()) {
    if (/\.go$|^go\./.test(name)) hash.update(name).update(readFileSync(join(SOURCE, name)));
  }
  const folder = join(tmpdir(), 'mcp-cluster-raft-oracle');
  const path = join(folder, hash.digest('hex').slice(0, 16));
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  execFileSync('go', ['build', '-mod=readonly', '-buildvcs=false', '-o', unfinished, '.'], {
    cwd: SOURCE,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  renameSync(unfinished, path);
  return path;
}

/** What the other side saw: hashes of the texts, or the texts; or what it took for impossible. */
export interface OracleAnswer {
  readonly seed: number;
  readonly hashes?: readonly number[];
  readonly texts?: readonly string[];
  readonly panic?: string;
}

export interface Oracle {
  /** Answers come in the order of the questions. */
  ask(run: Run, want: 'hashes' | 'texts'): Promise<OracleAnswer>;
  close(): Promise<void>;
}

export function startOracle(path: string): Oracle {
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(path, {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting: PromiseWithResolvers<OracleAnswer>[] = [];
  createInterface({ input: child.stdout }).on('line', (line) =>
    waiting.shift()?.resolve(JSON.parse(line) as OracleAnswer),
  );
  const exited = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      const error = new Error(`the Go program ended with ${code ?? signal}`);
      for (const { reject: fail } of waiting.splice(0)) fail(error);
      resolve();
    });
  });
  return {
    ask(run, want) {
      const answer = Promise.withResolvers<OracleAnswer>();
      waiting.push(answer);
      const own = { texts: undefined, failure: undefined, seen: undefined };
      const question = { ...run, ...own, text: want === 'texts' };
      child.stdin.write(`${JSON.stringify(question)}\n`);
      return answer.promise;
    },
    close() {
      child.stdin.end();
      return exited;
    },
  };
}
