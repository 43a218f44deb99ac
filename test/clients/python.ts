/** A Python with the official client, made under the system's temporary folder and kept there for the next run. */
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Version of the package `mcp` on PyPI. */
const MCP_VERSION = '2.3.0';
const INSTALL_TIMEOUT_MS = 180_000;
const run = promisify(execFile);

/** Path of the interpreter, or why there is none. */
export async function preparePython(): Promise<string | { readonly reason: string }> {
  const folder = join(tmpdir(), `mcp-cluster-python-${MCP_VERSION}`);
  const python = join(folder, 'bin', 'python');
  const works = (): Promise<unknown> => run(python, ['-c', 'import mcp.client.streamable_http']);
  try {
    await access(python);
    await works();
    return python;
  } catch {
    // Made below.
  }
  try {
    await run('python3', ['-m', 'venv', '--clear', folder]);
    const install = ['-m', 'pip', 'install', '--quiet', `mcp==${MCP_VERSION}`];
    await run(python, install, { timeout: INSTALL_TIMEOUT_MS });
    await works();
    return python;
  } catch (error) {
    const { message } = error as Error;
    return { reason: `no Python with mcp ${MCP_VERSION}: ${message.split('\n')[0] ?? ''}` };
  }
}
