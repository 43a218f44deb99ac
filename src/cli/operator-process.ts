/** The operator as a process of its own beside the laptop cluster, as it would be a pod of its own in a real one. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';

export interface OperatorProcess {
  readonly pid: number;
  /** Resolves with a sentence when the process ends by itself. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

export interface OperatorProcessOptions {
  /** The bundle to run. */
  readonly program: string;
  /** Variables by which a process outside of pods reaches them. */
  readonly environment: Readonly<Record<string, string>>;
  readonly kubeconfig: string;
  readonly logFile: string;
  /** `host:port` of health and metrics; default: any port of 127.0.0.1. */
  readonly healthAddress?: string | undefined;
}

const STOP_GRACE_MS = 5_000;

/** Starts the operator; its log goes to `logFile`. */
export function startOperatorProcess(options: OperatorProcessOptions): OperatorProcess {
  const log = createWriteStream(options.logFile, { flags: 'a' });
  const child = spawn(
    process.execPath,
    [
      ...[options.program, 'operator', '--kubeconfig', options.kubeconfig],
      ...['--health-address', options.healthAddress ?? '127.0.0.1:0'],
      ...['--serving-port', '0'],
    ],
    {
      // A group of its own: Ctrl-C in the terminal reaches this process only, which then ends the operator in order.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.environment },
    },
  );
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const exited = once(child, 'exit');
  return {
    pid: child.pid as number,
    ended: exited.then(
      ([code, signal]) =>
        `the operator ended (${signal ?? `code ${code}`}); its log: ${options.logFile}`,
    ),
    async stop() {
      await stopChild(child, exited);
      log.end();
    },
  };
}

/** SIGTERM, and SIGKILL when that is not heard within five seconds. */
export async function stopChild(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
  await exited;
  clearTimeout(timer);
}
