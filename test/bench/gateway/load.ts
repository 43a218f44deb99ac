/** Load from a program in C: wrk with a request of its own for each session. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { POST_HEADERS } from '../../gateway/client.ts';

const VERSION = '2025-06-18';

export interface LoadResult {
  readonly perSecond: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Load {
  readonly origin: string;
  readonly connections: number;
  readonly seconds: number;
  /** Bodies that are sent by turns, with the session header each; no session for `undefined`. */
  readonly requests: readonly { readonly session: string | undefined; readonly body: string }[];
  readonly folder: string;
}

export const initializeBody = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: VERSION,
    capabilities: {},
    clientInfo: { name: 'bench', version: '1' },
  },
});

/** A call of about 110 bytes. */
export const callBody = (name: string): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: {} },
  });

export async function send(origin: string, body: string, session?: string): Promise<Response> {
  return fetch(`${origin}/mcp`, {
    method: 'POST',
    body,
    headers: {
      ...POST_HEADERS,
      ...(session === undefined
        ? {}
        : { 'mcp-session-id': session, 'mcp-protocol-version': VERSION }),
    },
  });
}

/** Opens sessions through `origin`, initialized; returns their ids. */
export async function openSessions(origin: string, count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const answer = await send(origin, initializeBody);
      const text = await answer.text();
      const id = answer.headers.get('mcp-session-id');
      if (answer.status !== 200 || id === null)
        throw new Error(`initialize: ${answer.status} ${text}`);
      const note = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
      await (await send(origin, note, id)).arrayBuffer();
      return id;
    }),
  );
}

/** Runs wrk; fails when an answer is not 2xx, for errors are cheap and would count as speed. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const script = join(load.folder, 'load.lua');
  await writeFile(script, luaScript(load));
  const url = `${load.origin}/mcp`;
  const args = [
    '-t1',
    `-c${load.connections}`,
    `-d${load.seconds}s`,
    '--timeout',
    '10s',
    '-s',
    script,
  ];
  const { stdout } = await promisify(execFile)('wrk', [...args, url]);
  const found = /^RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+) (\d+)$/m.exec(stdout);
  if (found === null) throw new Error(`wrk: ${stdout}`);
  const [requests, micros, p50, p99, bad, socketErrors] = found.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (bad > 0 || socketErrors > 0)
    throw new Error(`${bad} answers were not 2xx, ${socketErrors} connections failed`);
  return {
    requests,
    perSecond: (requests * 1_000_000) / micros,
    p50Ms: p50 / 1000,
    p99Ms: p99 / 1000,
  };
}

function luaScript({ requests }: Load): string {
  const lines = requests.map(({ session, body }) => {
    const headers = {
      ...POST_HEADERS,
      ...(session === undefined
        ? {}
        : { 'Mcp-Session-Id': session, 'MCP-Protocol-Version': VERSION }),
    };
    const table = Object.entries(headers).map(([name, value]) => `["${name}"]="${value}"`);
    return `all[#all+1] = wrk.format("POST", nil, {${table.join(',')}}, [[${body}]])`;
  });
  return `all = {}
n = 0
init = function(args)
  ${lines.join('\n  ')}
end
request = function()
  n = n + 1
  return all[n % #all + 1]
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %f %f %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
`;
}
