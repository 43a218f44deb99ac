/** Health and metrics of the operator's own process over plain HTTP: read-only, answered from memory. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { UsageError } from '../host/index.ts';
import type { Metrics } from '../telemetry/index.ts';

export interface HealthServer {
  /** Where it listens; the port that was found when 0 was asked for. */
  readonly address: { readonly host: string; readonly port: number };
  stop(): Promise<void>;
}

/** Serves `/healthz`, `/readyz` and `/metrics` on `host:port`; a {@link UsageError} says what is wrong with the address. */
export async function startHealthServer(options: {
  readonly address: string;
  readonly isReady: () => boolean;
  readonly metrics: Metrics;
}): Promise<HealthServer> {
  const { host, port } = parseAddress(options.address);
  const routes: Readonly<Record<string, (response: ServerResponse) => void | Promise<void>>> = {
    '/healthz': (response) => answer(response, 200, 'ok\n'),
    '/readyz': (response) =>
      options.isReady()
        ? answer(response, 200, 'ok\n')
        : answer(response, 503, 'not ready: the first lists are under way\n'),
    '/metrics': (response) => sendMetrics(response, options.metrics),
  };
  const server = createServer(
    { requestTimeout: 5_000, headersTimeout: 5_000 },
    (request, response) => {
      const path = (request.url ?? '/').split('?')[0] ?? '/';
      const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
      if (route !== undefined) return void route(response);
      return answer(response, 404, `no such path; try ${Object.keys(routes).join(', ')}\n`);
    },
  );
  await listen(server, host, port);
  const bound = server.address();
  return {
    address: { host, port: typeof bound === 'object' && bound !== null ? bound.port : port },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function parseAddress(text: string): { host: string; port: number } {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    throw new UsageError(`--health-address ${text} is not host:port, such as 127.0.0.1:9090`);
  }
  return { host: (match[1] ?? '').replace(/^\[(.*)\]$/, '$1') || '0.0.0.0', port };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'the port is taken' : error.message;
      reject(new UsageError(`cannot listen on ${host}:${port}: ${why}; choose --health-address`));
    });
    server.listen(port, host, () => resolve());
  });
}

async function sendMetrics(response: ServerResponse, metrics: Metrics): Promise<void> {
  const exposition = await metrics.exposition();
  response.writeHead(200, { 'content-type': metrics.contentType }).end(exposition);
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(body);
}
