/** What tests of the stateless era need: real servers of both eras, hand-made requests, and the official client sprayed over pods. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { eventually } from '../eventually.ts';
import { freePort } from '../free-ports.ts';
import { openStream, POST_HEADERS, post, type RawAnswer, type RawStream } from './client.ts';
import { startWorld, type World, type WorldOptions } from './world.ts';

const ENTRY = fileURLToPath(new URL('../fixtures/mcp-server/main.ts', import.meta.url));
export const VERSION = '2026-07-28';

export interface FixtureProcess {
  readonly port: number;
  kill(): Promise<void>;
}

/** The fixture server of both eras as a process; resolves once it answers. */
export async function startFixture(
  env: Readonly<Record<string, string>> = {},
  port?: number,
): Promise<FixtureProcess> {
  const chosen = port ?? (await freePort());
  const child = spawn(process.execPath, [ENTRY], {
    env: { ...process.env, PORT: String(chosen), ...env },
    stdio: 'ignore',
  });
  await eventually(
    'the fixture server answers',
    async () => {
      if (child.exitCode !== null) throw new Error(`it exited with ${child.exitCode}`);
      const answer = await fetch(`http://127.0.0.1:${chosen}/mcp`);
      await answer.body?.cancel();
      return true;
    },
    60_000,
  );
  return {
    port: chosen,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

export interface ModernWorld {
  readonly world: World;
  readonly servers: readonly FixtureProcess[];
  readonly urls: readonly URL[];
  /** Every call with an effect that any server executed. */
  effects(): Promise<string[]>;
}

/** `count` gateways, each in front of a fixture server of its own; everything ends with the test. */
export async function startModern(
  t: TestContext,
  count: number,
  options: Partial<WorldOptions> = {},
): Promise<ModernWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'modern-'));
  const file = join(folder, 'effects');
  const env = { REQUEST_STATE_KEY: 'k'.repeat(64), EFFECTS_FILE: file };
  const servers = await Promise.all(Array.from({ length: count }, () => startFixture(env)));
  const world = await startWorld({ backends: servers.map(({ port }) => port), ...options });
  t.after(async () => {
    await world.stop();
    await Promise.all(servers.map((server) => server.kill()));
    await rm(folder, { recursive: true, force: true });
  });
  return {
    world,
    servers,
    urls: servers.map((_, index) => world.pod(index).url),
    async effects() {
      const text = await readFile(file, 'utf8').catch(() => '');
      return text.split('\n').filter((line) => line !== '');
    },
  };
}

export interface CallOptions {
  readonly id?: string | number;
  readonly capabilities?: object;
  readonly meta?: object;
  /** Wins over what the request itself says; undefined removes one. */
  readonly headers?: Record<string, string | undefined>;
}

/** A request of the stateless era and the headers that repeat it. */
export function modern(
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  options: CallOptions = {},
): { readonly message: object; readonly headers: Record<string, string | undefined> } {
  const name = params['name'] ?? params['uri'] ?? params['taskId'];
  return {
    message: {
      jsonrpc: '2.0',
      id: options.id ?? 1,
      method,
      params: {
        ...params,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': VERSION,
          'io.modelcontextprotocol/clientCapabilities': options.capabilities ?? {},
          ...options.meta,
        },
      },
    },
    headers: {
      'mcp-protocol-version': VERSION,
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
      ...options.headers,
    },
  };
}

export function call(
  url: URL,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  options: CallOptions = {},
): Promise<RawAnswer> {
  const { message, headers } = modern(method, params, options);
  return post(url, message, headers);
}

/** Calls a tool. */
export function tool(
  url: URL,
  name: string,
  args: object = {},
  options: CallOptions = {},
): Promise<RawAnswer> {
  return call(url, 'tools/call', { name, arguments: args }, options);
}

/** Opens an SSE answer. */
export function open(
  url: URL,
  method: string,
  params: Readonly<Record<string, unknown>>,
  options: CallOptions = {},
): Promise<RawStream> {
  const { message, headers } = modern(method, params, options);
  const kept = Object.entries(headers).filter(([, value]) => value !== undefined);
  return openStream(url, {
    method: 'POST',
    headers: { ...POST_HEADERS, ...(Object.fromEntries(kept) as Record<string, string>) },
    body: JSON.stringify(message),
  });
}

/** The official client 2.x, each of whose requests goes to the next of the pods that `urls` gives. */
export async function connectSprayed(
  t: TestContext,
  urls: () => readonly URL[],
  prepare: (client: Client) => void = () => undefined,
  mode: 'auto' | { readonly pin: string } = 'auto',
): Promise<Client> {
  let next = 0;
  const client = new Client(
    { name: 'sprayed', version: '1' },
    {
      capabilities: { sampling: {}, elicitation: {} },
      versionNegotiation: { mode },
    },
  );
  prepare(client);
  const first = urls()[0] as URL;
  const transport = new StreamableHTTPClientTransport(first, {
    fetch: (_url, init) => {
      const now = urls();
      return fetch(now[next++ % now.length] as URL, init);
    },
  });
  await client.connect(transport);
  t.after(() => client.close());
  return client;
}
