/** Porcupine through a small Go program of ours: its histories for our checker, and its verdict on our histories. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PROGRAM = fileURLToPath(new URL('porcupine', import.meta.url));
const MODULE = 'github.com/anishathalye/porcupine';
const run = promisify(execFile);
/** With nothing in Go's cache it takes a minute; without an answer from the network, for ever. */
const BUILD_TIMEOUT_MS = 300_000;

/** Never another toolchain than the one that is there. */
const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly' };

function go(...args: string[]): string {
  return execFileSync('go', args, {
    cwd: PROGRAM,
    env,
    encoding: 'utf8',
    timeout: BUILD_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

/** The folder of Porcupine's source, with its histories; undefined without Go, or where the module cannot be had. */
export function porcupineDirectory(): string | undefined {
  try {
    const find = (): string => go('list', '-m', '-f', '{{.Dir}}', MODULE);
    if (!existsSync(find())) go('mod', 'download', MODULE);
    const directory = find();
    return existsSync(directory) ? directory : undefined;
  } catch {
    return undefined;
  }
}

export type GoVerdict = 'linearizable' | 'not-linearizable' | 'undecided';
export type GoJudge = (historyPaths: readonly string[]) => Promise<GoVerdict[]>;

/** Builds the program into `directory`. */
export async function buildGoJudge(directory: string): Promise<GoJudge> {
  const binary = join(directory, 'porcupine');
  await run('go', ['build', '-o', binary, '.'], { cwd: PROGRAM, env, timeout: BUILD_TIMEOUT_MS });
  return async (historyPaths) => {
    const { stdout } = await run(binary, [...historyPaths], { maxBuffer: 2 ** 26 });
    const lines = stdout.trimEnd().split('\n');
    return lines.map((line) => line.split(' ').at(-2) as GoVerdict);
  };
}
