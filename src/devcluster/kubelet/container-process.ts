/** A container's processes: a process group of its own that begins only when the reaper knows it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Reaper } from './reaper.ts';

/** Waits for the word on the inherited pipe; at its end (the cluster died meanwhile) the program never begins. */
const GATE = 'read -r word <&3 && [ "$word" = go ] && exec 3<&- && exec "$@"';

export interface ProcessOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly reaper: Reaper;
  onOutput(chunk: Buffer): void;
}

export interface ProcessExit {
  readonly exitCode: number;
  /** Number of the signal that ended it. */
  readonly signal?: number;
}

export interface ContainerProcess {
  /** Id of the first process and of the group. */
  readonly pid: number;
  /** Resolves when the first process has ended, its group is killed and its output is complete. */
  readonly exited: Promise<ProcessExit>;
  /** As a container runtime does it: a signal to the first process only, and only once. */
  terminate(): void;
  /** SIGKILL to every process of the group. */
  kill(): void;
}

const SIGNALS: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

/** Output that comes this long after the end of the first process is lost (a left child may hold the pipe). */
const OUTPUT_GRACE_MS = 500;

/** Starts the program; rejects when it cannot be started at all. */
export async function startProcess(options: ProcessOptions): Promise<ContainerProcess> {
  const child = spawn('/bin/sh', ['-c', GATE, 'container', ...options.command], {
    cwd: options.folder,
    env: options.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const group = child.pid as number;
  child.stdout?.on('data', options.onOutput);
  child.stderr?.on('data', options.onOutput);
  const exited = groupEnd(child, group, options.reaper);
  const gate = child.stdio[3] as Writable;
  gate.on('error', () => undefined);
  await options.reaper.add(group);
  gate.end('go\n');
  let isTold = false;
  return {
    pid: group,
    exited,
    terminate() {
      if (!isTold) child.kill('SIGTERM');
      isTold = true;
    },
    kill: () => killGroup(group),
  };
}

function groupEnd(child: ChildProcess, group: number, reaper: Reaper): Promise<ProcessExit> {
  return new Promise((resolve) => {
    let exit: ProcessExit | undefined;
    const finish = (): void => {
      reaper.remove(group);
      if (exit !== undefined) resolve(exit);
    };
    child.once('exit', (code, signal) => {
      // What the first process leaves behind dies with it, as in a container.
      killGroup(group);
      const number = signal === null ? undefined : (SIGNALS[signal] ?? 0);
      exit =
        number === undefined ? { exitCode: code ?? 0 } : { exitCode: 128 + number, signal: number };
      const timer = setTimeout(finish, OUTPUT_GRACE_MS);
      child.once('close', () => {
        clearTimeout(timer);
        finish();
      });
    });
  });
}

/** SIGKILL to a whole group; a group that is gone is fine. */
export function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The living processes of a group: from /proc where there is one, else just its first process. */
export function processesOf(group: number): number[] {
  let entries: string[];
  try {
    entries = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  } catch {
    return isAlive(group) ? [group] : [];
  }
  return entries.map(Number).filter((pid) => {
    try {
      // Fields after the command's name in parentheses: state, parent, group.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [state, , ownGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(ownGroup) === group && state !== 'Z';
    } catch {
      return false;
    }
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
