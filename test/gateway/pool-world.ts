/** The server with a pool of workers as a process of its own, and calls to it that hang. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BulkheadPolicy } from '../../src/gateway/policies.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../free-ports.ts';
import { openRaw, post, POST_HEADERS, type RawAnswer } from './client.ts';

const ENTRY = fileURLToPath(new URL('../fixtures/pool-server.ts', import.meta.url));
/** Fewer than a session may have at once. */
const CALLS_PER_SESSION = 10;

/** Of the server's 16 workers a tool gets 4. */
export const BULKHEAD: BulkheadPolicy = {
  name: 'tools',
  match: { methods: ['tools/call'] },
  per: 'Tool',
  maxConcurrent: 4,
  maxQueue: 100,
  maxWaitMs: 600_000,
  order: 'FIFO',
  adaptive: false,
};

export interface PoolServer {
  readonly port: number;
  kill(): Promise<void>;
}

export async function startPoolServer(): Promise<PoolServer> {
  const port = await freePort();
  const child = spawn(process.execPath, [ENTRY], {
    env: { ...process.env, PORT: String(port) },
    stdio: 'ignore',
  });
  await eventually(
    'the server answers',
    async () => {
      if (child.exitCode !== null) throw new Error(`it exited with ${child.exitCode}`);
      const answer = await fetch(`http://127.0.0.1:${port}/mcp`);
      await answer.body?.cancel();
      return true;
    },
    60_000,
  );
  return {
    port,
    async kill() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

export interface PoolClient {
  call(tool: string): Promise<RawAnswer>;
  /** So many calls of `hang`; resolves when `atServer` of them hang there. */
  hang(callers: number, atServer: number): Promise<void>;
  /** Everybody who hangs leaves, and the server lets go of what it has. */
  release(): Promise<void>;
}

export async function openPool(url: URL): Promise<PoolClient> {
  const headers = await openRaw(url);
  let number = 0;
  let leaving = new AbortController();
  let hung: Promise<unknown>[] = [];
  const sessions: Record<string, string>[] = [];
  const message = (tool: string): object => ({
    jsonrpc: '2.0',
    id: (number += 1),
    method: 'tools/call',
    params: { name: tool },
  });
  const call = (tool: string): Promise<RawAnswer> => post(url, message(tool), headers);
  const count = async (tool: string): Promise<number> =>
    Number((await call(tool)).json.result?.content[0]?.text);
  return {
    call,
    async hang(callers, atServer) {
      while (sessions.length * CALLS_PER_SESSION < callers) sessions.push(await openRaw(url));
      for (let caller = 0; caller < callers; caller++) {
        const own = sessions[Math.floor(caller / CALLS_PER_SESSION)];
        const body = JSON.stringify(message('hang'));
        const init = { method: 'POST', headers: { ...POST_HEADERS, ...own }, body };
        hung.push(fetch(url, { ...init, signal: leaving.signal }).catch(() => undefined));
      }
      await eventually('they hang', async () => (await count('hanging')) === atServer);
    },
    async release() {
      leaving.abort();
      await Promise.all(hung);
      leaving = new AbortController();
      hung = [];
      await eventually('all are released', async () => (await count('release')) === 0);
    },
  };
}
