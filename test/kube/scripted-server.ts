/** An API server that misbehaves as the test says: real sockets, scripted lists and watches, everything seen is recorded. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { KubeObject } from '../../src/kube/index.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Common name of the client's certificate. */
  readonly peer: string | undefined;
}

export type Handler = (response: ServerResponse, request: SeenRequest) => void;

export interface ScriptedServer {
  readonly url: string;
  readonly requests: SeenRequest[];
  lists(): SeenRequest[];
  watches(): SeenRequest[];
  /** Taken one by one before the default answers: the copy of `objects`, and a watch that stays open. */
  readonly listScript: Handler[];
  readonly watchScript: Handler[];
  /** Answers everything that is neither list nor watch. */
  other: Handler;
  /** What a default list returns. */
  objects: KubeObject[];
  resourceVersion: string;
  /** Watches that are open now. */
  readonly open: Set<ServerResponse>;
  /** Connections accepted so far, and those still open. */
  connections(): { readonly accepted: number; readonly open: number };
  /** Writes an event to every open watch. */
  send(type: string, object: unknown): void;
  stop(): Promise<void>;
}

export interface ScriptedServerOptions {
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

export async function startScriptedServer(
  options: ScriptedServerOptions = {},
): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void readAll(request).then((body) => {
      const url = new URL(request.url ?? '/', 'http://server');
      const { headers, method = '' } = request;
      const seen = { method, url, headers, body, peer: peerName(request.socket) };
      state.requests.push(seen);
      answer(state, seen, response);
    });
  };
  const server =
    options.tls === undefined
      ? createServer(listener)
      : createTlsServer({ ...options.tls, requestCert: true, rejectUnauthorized: false }, listener);
  server.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const state: ScriptedServer = {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests: [],
    lists: () => state.requests.filter((request) => isList(request)),
    watches: () => state.requests.filter((request) => isWatch(request)),
    listScript: [],
    watchScript: [],
    other: (response) => json(response, 404, status(404, 'NotFound', 'nothing here')),
    objects: [],
    resourceVersion: '1',
    open: new Set(),
    connections: () => ({ accepted, open: sockets.size }),
    send: (type, object) => {
      for (const response of state.open) response.write(line(type, object));
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return state;
}

function peerName(socket: Socket): string | undefined {
  const name = socket instanceof TLSSocket ? socket.getPeerCertificate().subject?.CN : undefined;
  return Array.isArray(name) ? name[0] : name;
}

const isWatch = ({ url }: SeenRequest): boolean => url.searchParams.get('watch') === 'true';
const isList = (request: SeenRequest): boolean =>
  request.method === 'GET' && request.url.pathname.endsWith('/configmaps') && !isWatch(request);

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function answer(state: ScriptedServer, request: SeenRequest, response: ServerResponse): void {
  if (isWatch(request)) (state.watchScript.shift() ?? openWatch(state))(response, request);
  else if (isList(request)) (state.listScript.shift() ?? listAll(state))(response, request);
  else state.other(response, request);
}

/** The default watch: stays open, hears what `send` sends. */
export function openWatch(state: ScriptedServer): Handler {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    state.open.add(response);
    response.on('close', () => state.open.delete(response));
  };
}

/** The default list: one page with all objects, as a server sends them: without kind and apiVersion. */
export function listAll(state: ScriptedServer): Handler {
  return (response) => {
    const items = state.objects.map(({ kind: _kind, apiVersion: _version, ...rest }) => rest);
    json(response, 200, { kind: 'ConfigMapList', metadata: metadata(state), items });
  };
}

const metadata = (state: ScriptedServer): object => ({ resourceVersion: state.resourceVersion });

/** A handler that answers with a status and a Kubernetes Status body. */
export function refuse(code: number, headers: Record<string, string> = {}): Handler {
  return (response) => json(response, code, status(code, 'Scripted', 'refused by script'), headers);
}

/** A handler that writes these bytes as a watch and ends it. */
export function watchThatSays(text: string): Handler {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(text);
  };
}

export function json(
  response: ServerResponse,
  code: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function status(code: number, reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message };
}

export function line(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

/** A ConfigMap as the server stores it. */
export function configMap(name: string, resourceVersion: number, extra: object = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      namespace: 'default',
      name,
      uid: `uid-${name}`,
      resourceVersion: String(resourceVersion),
    },
    ...extra,
  };
}
