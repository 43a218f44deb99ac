/** Where the project's files are, whether the program runs from source or as a bundle. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../host/index.ts';

const NAME = 'mcp-cluster-operator';

/** The folder with package.json, deploy/ and crds/, above the running file. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!isRoot(folder)) {
    const above = dirname(folder);
    if (above === folder) {
      throw new UsageError(`this command needs a clone of ${NAME}: run it there with npm run`);
    }
    folder = above;
  }
  return folder;
}

function isRoot(folder: string): boolean {
  const manifest = join(folder, 'package.json');
  return (
    existsSync(manifest) &&
    (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === NAME
  );
}

/** The bundle that pods and the operator run; the scripts build it before anything starts. */
export function bundlePath(root: string): string {
  const path = join(root, 'dist', 'mcp-cluster.mjs');
  if (!existsSync(path)) throw new UsageError('dist/ is missing: run `npm run build`, then again');
  return path;
}
