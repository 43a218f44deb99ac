/** Prometheus' own programs, where they are installed. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from '../../src/host/index.ts';

const run = promisify(execFile);

/** Path of promtool; undefined where there is none. */
export const promtool = findProgram('promtool');

/** For the option `skip` of a test: why it is left out, or false. */
export const withoutPromtool =
  promtool === undefined && 'there is no promtool in PATH (Debian: apt-get install prometheus)';

/** What promtool prints; rejects with its complaints, which come with an exit code other than 0. */
export async function runPromtool(args: readonly string[], input = ''): Promise<string> {
  const started = run(promtool as string, [...args]);
  started.child.stdin?.end(input);
  try {
    const { stdout, stderr } = await started;
    return stdout + stderr;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`promtool ${args.join(' ')}:\n${stdout}${stderr}`, { cause: error });
  }
}
