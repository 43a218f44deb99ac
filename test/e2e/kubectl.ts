/** The real kubectl, when there is one: run once, fed on standard input, or left watching. */
import { spawn } from 'node:child_process';
import { findProgram } from '../../src/host/index.ts';
import { assets } from '../control-plane.ts';

export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface RunningKubectl {
  /** Everything it has printed so far. */
  output(): string;
  /** Ends it and resolves when it is gone. */
  stop(): Promise<void>;
}

export interface Kubectl {
  /** Standard output; rejects with standard error unless the exit code is 0. */
  (args: string, options?: RunOptions): Promise<string>;
  /** Whatever the exit code. */
  run(args: string, options?: RunOptions): Promise<KubectlResult>;
  /** For `-w` and `-f`. */
  start(args: string): RunningKubectl;
}

const TIMEOUT_MS = 120_000;

/** Path of kubectl in `$KUBEBUILDER_ASSETS` or `$PATH`. */
export function findKubectl(): string | undefined {
  return findProgram('kubectl', [assets]);
}

/** Arguments are words separated by spaces; single quotes keep one together. */
function words(text: string): string[] {
  return [...text.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

/** Commands that name no namespace mean `namespace`, when there is one. */
export function createKubectl(path: string, kubeconfig: string, namespace?: string): Kubectl {
  const base = { ...process.env, KUBECONFIG: kubeconfig };
  const inNamespace = namespace === undefined ? [] : [`--namespace=${namespace}`];
  const run = (args: string, options: RunOptions = {}): Promise<KubectlResult> =>
    new Promise((resolve, reject) => {
      const child = spawn(path, [...inNamespace, ...words(args)], {
        env: { ...base, ...options.environment },
        timeout: TIMEOUT_MS,
      });
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
      child.stdin.end(options.input ?? '');
    });
  const checked = async (args: string, options?: RunOptions): Promise<string> => {
    const result = await run(args, options);
    if (result.code === 0) return result.stdout;
    throw new Error(`kubectl ${args} ended with ${result.code}: ${result.stderr || result.stdout}`);
  };
  const start = (args: string): RunningKubectl => {
    const child = spawn(path, [...inNamespace, ...words(args)], {
      env: base,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    return {
      output: () => output,
      async stop() {
        child.kill('SIGKILL');
        await gone;
      },
    };
  };
  return Object.assign(checked, { run, start });
}
