/** The real server-everything as a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from '../eventually.ts';
import { freePort } from '../free-ports.ts';

const ENTRY = fileURLToPath(
  new URL(
    '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
    import.meta.url,
  ),
);

export interface ServerProcess {
  readonly port: number;
  readonly pid: number;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
}

/** A port that was free a moment ago. */
/** Starts the server on `port` (or a free one); with `wait`, resolves once it answers. */
export async function startEverything(
  options: { port?: number; wait?: boolean } = {},
): Promise<ServerProcess> {
  const port = options.port ?? (await freePort());
  const child = spawn(process.execPath, [ENTRY, 'streamableHttp'], {
    env: { ...process.env, PORT: String(port) },
    stdio: 'ignore',
  });
  try {
    if (options.wait !== false) await answering(port, child);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    port,
    pid: child.pid ?? -1,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

async function answering(port: number, child: ChildProcess): Promise<void> {
  const answers = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`server exited with ${child.exitCode}`);
    const response = await fetch(`http://127.0.0.1:${port}/mcp`);
    await response.body?.cancel();
    return true;
  };
  // It takes a second on an idle machine, and much longer on a busy one.
  await eventually('server-everything answers', answers, 60_000);
}
