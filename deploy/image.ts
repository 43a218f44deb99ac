/** How the image starts its program, read from the Dockerfile, and the compiled code it brings along. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the program lies in the image. */
export const PROGRAM = '/opt/mcp-cluster';
const CACHE = 'compile-cache';

export interface Image {
  /** Program and arguments before those of the container. */
  readonly entrypoint: readonly string[];
  /** `uid:gid`. */
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
}

export function readImage(): Image {
  const dockerfile = readFileSync(join(import.meta.dirname, 'Dockerfile'), 'utf8');
  const last = (instruction: string): string =>
    new RegExp(`^${instruction} (.*)$`, 'm').exec(dockerfile)?.[1] ?? '';
  const pairs = last('ENV')
    .split(' ')
    .map((pair) => pair.split('=') as [string, string]);
  return {
    entrypoint: JSON.parse(last('ENTRYPOINT')) as string[],
    user: last('USER'),
    env: Object.fromEntries(pairs),
  };
}

/**
 * Compiles what operator and sidecar load at their start, into a folder beside the program in `folder`. V8 takes the code only
 * from the same Node on the same kind of processor; otherwise Node compiles as ever. The folder may be moved, and be read-only.
 */
export async function fillCompileCache(folder: string): Promise<void> {
  const cache = join(folder, CACHE);
  const env = { NODE_COMPILE_CACHE: cache, NODE_COMPILE_CACHE_PORTABLE: '1' };
  const missing = join(folder, 'missing');
  // They load everything, find no configuration and end.
  for (const args of [
    ['operator', '--kubeconfig', missing],
    ['sidecar', '--config', missing],
  ]) {
    const child = spawn(process.execPath, [join(folder, 'mcp-cluster.mjs'), ...args], {
      env,
      stdio: 'ignore',
    });
    await once(child, 'exit');
  }
  // Node writes for its own user only.
  const entries = await readdir(cache, { recursive: true, withFileTypes: true });
  if (!entries.some((entry) => entry.isFile())) throw new Error('no code was compiled');
  await chmod(cache, 0o755);
  for (const entry of entries)
    await chmod(join(entry.parentPath, entry.name), entry.isFile() ? 0o644 : 0o755);
}
