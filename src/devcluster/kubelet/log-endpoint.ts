/** The kubelet's HTTPS endpoint, as far as `kubectl logs` needs it: `/containerLogs/NAMESPACE/POD/CONTAINER`. */
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { LogQuery } from './container-log.ts';
import type { LogLookup } from './find-log.ts';

export interface LogEndpointOptions {
  /** PEM of the serving certificate. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly address: string;
  readonly find: (
    namespace: string,
    pod: string,
    container: string,
    previous: boolean,
  ) => LogLookup;
}

export interface LogEndpoint {
  readonly port: number;
  stop(): Promise<void>;
}

/** Only the API server may ask: a client certificate of the cluster's authority is required. */
export async function startLogEndpoint(options: LogEndpointOptions): Promise<LogEndpoint> {
  const server = createServer(
    { ...options.tls, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' },
    (request, response) => {
      serveLog(options, request, response).catch((error: unknown) => {
        response.destroy(error as Error);
      });
    },
  );
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, options.address, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function serveLog(
  options: LogEndpointOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://kubelet');
  const [, kind, namespace, pod, container] = url.pathname.split('/').map(decodeURIComponent);
  if (request.method !== 'GET' || kind !== 'containerLogs' || container === undefined)
    return answer(
      response,
      404,
      'the laptop kubelet serves /containerLogs/NAMESPACE/POD/CONTAINER only',
    );
  const query = parseLogQuery(url.searchParams);
  const log = options.find(namespace as string, pod as string, container, query.previous === true);
  if (!log.ok) return answer(response, log.error.status, log.error.message);
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  await log.value.read(query, (text) => void response.write(text), gone.signal);
  response.end();
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' });
  response.end(text);
}

/** The options of `kubectl logs` as the API server passes them on. */
export function parseLogQuery(parameters: URLSearchParams): LogQuery {
  const number = (name: string): number | undefined => {
    const text = parameters.get(name);
    const value = text === null || text === '' ? Number.NaN : Number(text);
    return Number.isInteger(value) && value >= 0 ? value : undefined;
  };
  const flag = (name: string): boolean => ['true', '1'].includes(parameters.get(name) ?? '');
  const tailLines = number('tailLines');
  const sinceSeconds = number('sinceSeconds');
  const limitBytes = number('limitBytes');
  const sinceTime = parameters.get('sinceTime');
  return {
    follow: flag('follow'),
    previous: flag('previous'),
    timestamps: flag('timestamps'),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceTime === null ? {} : { sinceTime }),
  };
}
