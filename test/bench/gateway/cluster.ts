/** The processes of a gateway benchmark: sidecars as users run them, nginx as backend and as competitor, MCP servers. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../../eventually.ts';
import { SIDECAR_MEMORY } from '../../../src/operator/core/pod-template.ts';
import { freePorts } from '../../free-ports.ts';
import { openSessions } from './load.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

export interface Running {
  readonly pid: number;
  readonly origin: string;
}

/** Everything one part of the benchmark started; `stop` ends it all. */
export interface Stage {
  readonly folder: string;
  /** nginx that answers every request itself, and tells its name: the cheapest MCP server there is. */
  trivialServer(name?: string): Promise<Running>;
  /** nginx as a proxy before `backend`: one worker, like a Node process, connections kept, nothing buffered. */
  nginx(backend: Running): Promise<Running>;
  /** A program of this folder or the fixtures that listens on `PORT`. */
  program(file: string, env?: Readonly<Record<string, string>>): Promise<Running>;
  /** A cluster with one sidecar for each backend, with the settings of memory that the operator gives it. `profileDir`: each writes a processor profile there when it ends. */
  gateways(backends: readonly Running[], profileDir?: string): Promise<readonly Running[]>;
  stop(): Promise<void>;
}

/** The names of programs this benchmark needs and does not find. */
export async function missingPrograms(names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    names.map((name) =>
      promisify(execFile)('sh', ['-c', `command -v ${name}`]).then(
        () => true,
        () => false,
      ),
    ),
  );
  return names.filter((_, index) => found[index] !== true);
}

export async function openStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-gateway-'));
  const children: ChildProcess[] = [];
  const run = (
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): ChildProcess => {
    const options = { stdio: 'ignore' as const, env: { ...process.env, ...env } };
    const child = spawn(command, args, options);
    children.push(child);
    return child;
  };
  const answering = async (child: ChildProcess, port: number): Promise<Running> => {
    const origin = `http://127.0.0.1:${port}`;
    await eventually(
      `${origin} answers`,
      async () => {
        const response = await fetch(`${origin}/mcp`, { signal: AbortSignal.timeout(1_000) });
        await response.body?.cancel();
        return true;
      },
      60_000,
    );
    return { pid: child.pid as number, origin };
  };
  const startNginx = async (name: string, http: (port: number) => string): Promise<Running> => {
    const [port] = (await freePorts(1)) as [number];
    const file = join(folder, `${name}-${port}.conf`);
    await writeFile(file, nginxConfig(join(folder, `${name}-${port}`), http(port)));
    // Without a master the one process does all the work, so that its processor time is nginx's.
    return answering(run('nginx', ['-e', 'stderr', '-c', file]), port);
  };

  return {
    folder,
    trivialServer: (name = 'trivial') => startNginx('server', (port) => SERVER_CONFIG(port, name)),
    nginx: ({ origin }) => startNginx('proxy', (port) => PROXY_CONFIG(port, origin)),
    async program(file, env) {
      const [port] = (await freePorts(1)) as [number];
      const child = run(process.execPath, [join(ROOT, file)], { ...env, PORT: String(port) });
      return answering(child, port);
    },
    async gateways(backends, profileDir) {
      const ports = await freePorts(backends.length * 3);
      const of = (index: number): number[] => ports.slice(index * 3, index * 3 + 3);
      const peers = backends.map((_, index) => `m${index}@127.0.0.1:${of(index)[0]}`).join(',');
      const profile =
        profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
      return Promise.all(
        backends.map(async (backend, index) => {
          const [cluster, gateway, peer] = of(index);
          const args = [
            ...['--node-id', `m${index}`, '--cluster-port', `${cluster}`],
            ...['--advertise-addr', `127.0.0.1:${cluster}`, '--upstream', `${backend.origin}/mcp`],
            ...['--session-db-path', join(folder, `m${index}-${cluster}`)],
            ...['--gateway-port', `${gateway}`, '--gateway-peer-port', `${peer}`],
            ...(backends.length > 1 ? ['--peers', peers] : []),
          ];
          const child = run(
            process.execPath,
            [...profile, join(ROOT, 'dist', 'mcp-cluster.mjs'), 'sidecar', ...args],
            { XDG_STATE_HOME: folder, ...SIDECAR_MEMORY },
          );
          const ready = `http://127.0.0.1:${cluster}/readyz`;
          await eventually(`${ready} says so`, async () => (await fetch(ready)).ok, 60_000);
          const origin = `http://127.0.0.1:${gateway}`;
          await eventually(`${origin} opens a session`, () => openSessions(origin, 1), 60_000);
          return { pid: child.pid as number, origin };
        }),
      );
    },
    async stop() {
      // In good order, for only then a profile is written.
      await Promise.all(
        children.map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          const gone = once(child, 'exit');
          const kill = setTimeout(() => child.kill('SIGKILL'), 20_000);
          child.kill('SIGTERM');
          await gone;
          clearTimeout(kill);
        }),
      );
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const nginxConfig = (folder: string, http: string): string => `
daemon off; master_process off; pid ${folder}.pid; error_log stderr crit;
events { worker_connections 30000; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300;
  client_body_temp_path ${folder}-body; proxy_temp_path ${folder}-proxy; fastcgi_temp_path ${folder}-f;
  uwsgi_temp_path ${folder}-u; scgi_temp_path ${folder}-s;
  ${http}
}`;

/** An answer that is good for `initialize` and for every call of the loads, which all have the id 1; about 500 bytes. */
const answerOf = (name: string): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    result: {
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name, version: '1' },
      content: [{ type: 'text', text: 'x'.repeat(320) }],
    },
  });

const SERVER_CONFIG = (port: number, name: string): string => `server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { default_type application/json; add_header Mcp-Session-Id trivial; return 200 '${answerOf(name)}'; }
  }`;

const PROXY_CONFIG = (port: number, origin: string): string => `upstream backend {
    server ${new URL(origin).host}; keepalive 256; keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_buffering off; proxy_read_timeout 3600s;
    }
  }`;
