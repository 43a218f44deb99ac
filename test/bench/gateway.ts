/** The gateway before a real MCP server, beside the server alone: calls per second and time per call. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { eventually } from '../eventually.ts';
import { freePorts } from '../free-ports.ts';
import { interleave, show } from './measure.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const CONNECTIONS = [1, 16] as const;
const RUN_MS = 2_000;
const REPETITIONS = 3;
const VERSION = '2025-06-18';
const ACCEPT = 'application/json, text/event-stream';

function start(args: readonly string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, args, { stdio: 'ignore', env: { ...process.env, ...env } });
}

interface Session {
  call(): Promise<void>;
  close(): Promise<void>;
}

async function openSession(origin: string, connections: number): Promise<Session> {
  const pool = new Pool(origin, { connections });
  const send = async (body: object, headers: Record<string, string> = {}): Promise<string> => {
    const response = await pool.request({
      method: 'POST',
      path: '/mcp',
      headers: { 'content-type': 'application/json', accept: ACCEPT, ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${response.statusCode}: ${text}`);
    return String(response.headers['mcp-session-id'] ?? '');
  };
  const clientInfo = { name: 'bench', version: '1' };
  const params = { protocolVersion: VERSION, capabilities: {}, clientInfo };
  const id = await send({ id: 0, method: 'initialize', params });
  const headers = { 'mcp-session-id': id, 'mcp-protocol-version': VERSION };
  await send({ method: 'notifications/initialized' }, headers);
  let number = 0;
  const tool = { name: 'test_simple_text', arguments: {} };
  return {
    call: async () =>
      void (await send({ id: (number += 1), method: 'tools/call', params: tool }, headers)),
    close: () => pool.close(),
  };
}

/** Calls per second over `connections` connections, each with one call at a time. */
async function rate(origin: string, connections: number): Promise<number> {
  const session = await openSession(origin, connections);
  const started = performance.now();
  let calls = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() - started < RUN_MS) {
      await session.call();
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  const result = (calls * 1000) / (performance.now() - started);
  await session.close();
  return result;
}

/** Measures and prints; returns the ratios by name. The load generator is a Node program on the same cores. */
export async function benchGateway(print: (line: string) => void): Promise<Record<string, number>> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-gateway-'));
  const ports = await freePorts(4);
  const [server, cluster, gateway, peer] = ports.map(String) as [string, string, string, string];
  const children = [
    start([join(ROOT, 'test', 'fixtures', 'mcp-server', 'main.ts')], { PORT: server }),
    start(
      [
        ...[join(ROOT, 'dist', 'mcp-cluster.mjs'), 'sidecar', '--node-id', 'bench'],
        ...['--cluster-port', cluster, '--advertise-addr', `127.0.0.1:${cluster}`],
        ...['--session-db-path', folder, '--upstream', `http://127.0.0.1:${server}/mcp`],
        ...['--gateway-port', gateway, '--gateway-peer-port', peer],
      ],
      { XDG_STATE_HOME: folder },
    ),
  ];
  try {
    const readyUrl = `http://127.0.0.1:${cluster}/readyz`;
    await eventually('the sidecar to be ready', async () => (await fetch(readyUrl)).ok, 30_000);
    const ratios: Record<string, number> = {};
    print('tools/call, calls/s: median (min–max); client, gateway and server share the machine');
    for (const connections of CONNECTIONS) {
      const result = await interleave(
        {
          direct: () => rate(`http://127.0.0.1:${server}`, connections),
          through: () => rate(`http://127.0.0.1:${gateway}`, connections),
        },
        REPETITIONS,
      );
      const ratio = result.through.median / result.direct.median;
      ratios[`gateway/${connections}`] = ratio;
      print(
        `  ${String(connections).padStart(2)} connections: through ${show(result.through)}, direct ${show(result.direct)}, ratio ${ratio.toFixed(2)}`,
      );
    }
    return ratios;
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}
