/** One program of the control plane as a child process: its output goes to a file, its end is noticed, its stop is certain. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../host/index.ts';
import type { Clock } from '../../std/index.ts';

export interface ProgramOptions {
  readonly name: string;
  /** Folder of the programs. */
  readonly assets: string;
  readonly args: readonly string[];
  /** Where `<name>.log` is written. */
  readonly logDir: string;
  readonly clock: Clock;
}

export interface Program {
  readonly name: string;
  readonly pid: number;
  /** Undefined while it runs; afterwards how it ended, with its last line of output. */
  ended(): Promise<string | undefined>;
  /** SIGTERM, and SIGKILL after `graceMs`; resolves when the process is gone. */
  stop(graceMs: number): Promise<void>;
}

/** Children that must not outlive this process, whatever ends it (short of SIGKILL). */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Throws {@link UsageError} when one of the programs is missing. */
export function requirePrograms(assets: string, names: readonly string[]): void {
  const missing = names.filter((name) => !existsSync(join(assets, name)));
  if (missing.length === 0) return;
  throw new UsageError(
    `${assets} has no ${missing.join(', ')}: point KUBEBUILDER_ASSETS at a folder with etcd, ` +
      `kube-apiserver, kube-controller-manager and kube-scheduler`,
  );
}

export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { name, assets, args, clock } = options;
  const logPath = join(options.logDir, `${name}.log`);
  const log = await open(logPath, 'a', 0o600);
  const child = spawn(join(assets, name), args, { stdio: ['ignore', log.fd, log.fd] });
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
  void exited.then(() => running.delete(child));
  await once(child, 'spawn').finally(() => log.close());
  running.add(child);
  return {
    name,
    pid: child.pid ?? -1,
    async ended() {
      if (child.exitCode === null && child.signalCode === null) return undefined;
      return `${name} ended (${await exited}): ${await lastLine(logPath)} [${logPath}]`;
    },
    async stop(graceMs) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const cancel = clock.schedule(graceMs, () => child.kill('SIGKILL'));
      await exited;
      cancel();
    },
  };
}

async function lastLine(path: string): Promise<string> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  return lines.at(-1) ?? 'no output';
}
