/** `kubectl mcp` as people run it: the real kubectl finds the plugin in the PATH; without a kubectl the plugin runs by itself. */
import { execFile } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { findKubectl } from './kubectl.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;

/** Runs one line such as `status everything`, and resolves with what it printed; rejects unless it ends with 0. */
export type Plugin = (line: string) => Promise<string>;

/** `folder` is where the plugin is installed: a link with the name that kubectl looks for. */
export function createPlugin(options: {
  readonly root: string;
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly folder: string;
}): Plugin {
  const { root, kubeconfig, namespace, folder } = options;
  const program = join(root, 'bin', 'kubectl-mcp.mjs');
  const kubectl = findKubectl();
  let installed: Promise<void> | undefined;
  const install = async (): Promise<void> => {
    await mkdir(folder, { recursive: true });
    await symlink(program, join(folder, 'kubectl-mcp'));
  };
  return async (line) => {
    await (installed ??= install());
    const path = [folder, process.env['PATH']].join(delimiter);
    const words = [...line.split(' '), `--namespace=${namespace}`];
    const { stdout } = await run(
      kubectl ?? program,
      kubectl === undefined ? words : ['mcp', ...words],
      {
        env: { ...process.env, PATH: path, KUBECONFIG: kubeconfig },
        timeout: TIMEOUT_MS,
      },
    );
    return stdout;
  };
}
