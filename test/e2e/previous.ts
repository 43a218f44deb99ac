/** The build of the commit before: its source from git, the packages of this clone, and its own build script. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/cli/project.ts';

/** Commits looked at for one whose packages are those that are installed. */
const COMMITS_MAX = 50;

/** The commit to come from, or what there is none of. `UPGRADE_FROM` names another one than the newest. */
export type Previous =
  | { readonly kind: 'commit'; readonly commit: string; readonly isNewest: boolean }
  | { readonly kind: 'none'; readonly why: string };

const git = (...args: string[]): string =>
  execFileSync('git', ['-C', projectRoot(), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 256 << 20,
  }).trim();

/** The newest commit before this one that locks the packages which are installed here. */
export function previousCommit(): Previous {
  try {
    const wanted = process.env['UPGRADE_FROM'];
    const commits =
      wanted === undefined
        ? git('rev-list', `--max-count=${COMMITS_MAX}`, 'HEAD~1').split('\n')
        : [git('rev-parse', '--verify', `${wanted}^{commit}`)];
    const installed = git('hash-object', join(projectRoot(), 'package-lock.json'));
    const found = commits.findIndex(
      (commit) => git('rev-parse', `${commit}:package-lock.json`) === installed,
    );
    const commit = commits[found];
    if (commit !== undefined) return { kind: 'commit', commit, isNewest: found === 0 };
    return { kind: 'none', why: 'commit before with the same package-lock.json' };
  } catch {
    return { kind: 'none', why: 'commit before this one in this clone' };
  }
}

/** Where the build of the commit before is made. */
export const previousFolder = (logFolder: string): string => join(logFolder, 'previous');

/** Where the build of `buildPrevious(_, folder)` will be. */
export const previousProgram = (folder: string): string => join(folder, 'dist', 'mcp-cluster.mjs');

/** Builds `commit` in `folder`, which is replaced, with the packages of this clone. */
export function buildPrevious(commit: string, folder: string): void {
  const root = projectRoot();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const archive = join(folder, 'source.tar');
  git('archive', `--output=${archive}`, commit);
  execFileSync('tar', ['-xf', archive, '-C', folder]);
  rmSync(archive);
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  execFileSync(process.execPath, [join(folder, 'deploy', 'build.ts')], { stdio: 'ignore' });
}
