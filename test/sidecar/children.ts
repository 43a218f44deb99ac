/** Programs that a test file starts, with a folder of theirs: both are gone when the file ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

export interface Children {
  readonly folder: string;
  /** Starts a Node program with its arguments. */
  start(args: readonly string[], environment: Record<string, string>): ChildProcess;
}

export async function startChildren(name: string): Promise<Children> {
  const folder = await mkdtemp(join(tmpdir(), `${name}-`));
  const started: ChildProcess[] = [];
  after(async () => {
    for (const child of started) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  return {
    folder,
    start(args, environment) {
      const child = spawn(process.execPath, args, {
        stdio: 'ignore',
        env: { ...process.env, XDG_STATE_HOME: folder, ...environment },
      });
      started.push(child);
      return child;
    },
  };
}
