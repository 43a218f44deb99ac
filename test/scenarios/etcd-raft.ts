/** Where the test data of etcd's raft is on this machine: in the module cache of Go, if there is a Go. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const MODULE = 'go.etcd.io/raft/v3';
const VERSION = 'v3.7.0';

/** The folder of the module; undefined without Go, or where the module cannot be had. */
export function etcdRaftFolder(): string | undefined {
  const cache = process.env['GOMODCACHE'] ?? go('env', 'GOMODCACHE');
  if (cache === undefined) return undefined;
  const folder = join(cache, `${MODULE}@${VERSION}`);
  if (!existsSync(folder)) go('mod', 'download', `${MODULE}@${VERSION}`);
  return existsSync(folder) ? folder : undefined;
}

/** The `.txt` files of a folder of the module: name without ending → text. */
export function readTexts(root: string, folder: string): Map<string, string> {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith('.txt'));
  return new Map(
    names.sort().map((name) => [name.slice(0, -4), readFileSync(join(root, folder, name), 'utf8')]),
  );
}

function go(...args: string[]): string | undefined {
  try {
    const options = { encoding: 'utf8', timeout: 60_000, stdio: 'pipe' } as const;
    return execFileSync('go', args, options).trim() || undefined;
  } catch {
    return undefined;
  }
}
