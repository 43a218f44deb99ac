/** Stands between an operator and an API server on loopback, and spoils what it is told to spoil. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { systemClock } from '../../src/host/index.ts';
import { exchange } from '../../src/kube/exchange.ts';
import { createKubeConnection, type KubeConnection } from '../../src/kube/index.ts';

export interface Asked {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly isWatch: boolean;
  readonly isWrite: boolean;
  /** How many requests with this method and path came before; of a watch, the version asked for does not count. */
  readonly before: number;
}

/** What becomes of a request. */
export type Fate =
  | { readonly kind: 'pass' }
  /** Answered here with a Status; the API server never sees it. */
  | { readonly kind: 'refuse'; readonly status: number; readonly retryAfterSeconds?: number }
  /** Done by the API server, but its answer is lost with the connection. */
  | { readonly kind: 'lose-answer' }
  /** A watch that ends in the middle after so many ms. */
  | { readonly kind: 'cut'; readonly afterMs: number }
  /** A watch that begins with the event of an expired version. */
  | { readonly kind: 'expire' }
  /** Done by the API server at once, answered when the promise resolves. */
  | { readonly kind: 'hold'; readonly until: Promise<void> }
  /** The answer that the same request had the first time. */
  | { readonly kind: 'stale' };

export type Plan = (asked: Asked) => Fate;

export interface FaultyApi {
  /** Text of a kubeconfig that leads here. */
  readonly kubeconfig: string;
  readonly connection: KubeConnection;
  /** Writes that reached the API server, as `METHOD path`. */
  readonly writes: readonly string[];
  /** Fates other than `pass`, by kind. */
  readonly spoiled: ReadonlyMap<Fate['kind'], number>;
  plan: Plan;
  /** How many requests came whose path contains this. */
  asked(path: string): number;
  /** How many answers are held back. */
  holding(): number;
  /** Refuses every connection, and cuts those that are open, until it is up again. */
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
}

export const PASS: Fate = { kind: 'pass' };
const REASONS: Readonly<Record<number, string>> = {
  409: 'Conflict',
  429: 'TooManyRequests',
  500: 'InternalError',
};

/** What a server needs to be reached over TLS: the authority and what it signed, PEM. */
export interface ServerTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export async function startFaultyApi(
  upstream: KubeConnection,
  plan: Plan,
  tls?: ServerTls,
): Promise<FaultyApi> {
  const sockets = new Set<Socket>();
  const seen = new Map<string, number>();
  const firstAnswers = new Map<string, string>();
  const writes: string[] = [];
  let holding = 0;
  const spoiled = new Map<Fate['kind'], number>();
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    void serve(incoming, outgoing).catch(() => outgoing.destroy());
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const asked = describe(incoming, seen);
    const fate = made.plan(asked);
    if (fate.kind !== 'pass') spoiled.set(fate.kind, (spoiled.get(fate.kind) ?? 0) + 1);
    if (fate.kind === 'refuse') return refuse(outgoing, fate);
    if (fate.kind === 'expire') return expire(outgoing);
    const key = `${asked.method} ${asked.path}`;
    const stale = fate.kind === 'stale' ? firstAnswers.get(key) : undefined;
    if (stale !== undefined) return void outgoing.setHeader('content-type', JSON_TYPE).end(stale);
    const gone = new AbortController();
    outgoing.on('close', () => gone.abort());
    const body = await text(incoming);
    if (asked.isWrite) writes.push(key);
    const answer = await forward(upstream, incoming, body, gone.signal);
    if (fate.kind === 'lose-answer') {
      await text(answer);
      return void outgoing.destroy();
    }
    outgoing.writeHead(answer.statusCode as number, { 'content-type': JSON_TYPE });
    if (asked.isWatch) {
      outgoing.flushHeaders();
      if (fate.kind === 'cut') setTimeout(() => outgoing.destroy(), fate.afterMs).unref();
      return pipeline(answer, outgoing);
    }
    const whole = await text(answer);
    if (fate.kind === 'hold') {
      holding += 1;
      await fate.until;
      outgoing.once('finish', () => void (holding -= 1));
    }
    if (!firstAnswers.has(key)) firstAnswers.set(key, whole);
    outgoing.end(whole);
  };

  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve());
    });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  const made: FaultyApi = {
    kubeconfig: kubeconfigFor(url),
    connection: createKubeConnection({ server: url, ...(tls === undefined ? {} : { ca: tls.ca }) }),
    writes,
    spoiled,
    plan,
    asked: (path) =>
      [...seen].reduce((sum, [key, count]) => sum + (key.includes(path) ? count : 0), 0),
    holding: () => holding,
    down: close,
    up: () => listen(port),
    async stop() {
      await made.connection.close();
      if (server.listening) await close();
    },
  };
  return made;
}

const JSON_TYPE = 'application/json';

function describe(incoming: IncomingMessage, seen: Map<string, number>): Asked {
  const { method = 'GET', url: path = '/' } = incoming;
  const { searchParams, pathname } = new URL(path, 'http://api');
  const isWatch = searchParams.get('watch') === 'true';
  const key = `${method} ${isWatch ? `watch ${pathname}` : path}`;
  const before = seen.get(key) ?? 0;
  seen.set(key, before + 1);
  return { method, path, isWatch, isWrite: method !== 'GET', before };
}

async function forward(
  upstream: KubeConnection,
  incoming: IncomingMessage,
  body: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { agent, headers } = await upstream.credentials();
  const type = incoming.headers['content-type'];
  const asked = {
    url: `${upstream.server}${incoming.url}`,
    method: incoming.method as string,
    headers: { ...headers, ...(type === undefined ? {} : { 'content-type': type }) },
    body: body === '' ? undefined : body,
    agent,
    signal,
  };
  return exchange(asked, systemClock);
}

function refuse(outgoing: ServerResponse, fate: Fate & { readonly kind: 'refuse' }): void {
  const { status, retryAfterSeconds } = fate;
  const reason = REASONS[status] ?? 'Unknown';
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code: status };
  outgoing.writeHead(status, {
    'content-type': JSON_TYPE,
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  });
  outgoing.end(JSON.stringify({ ...body, message: `spoiled on purpose: ${reason}` }));
}

function expire(outgoing: ServerResponse): void {
  const object = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 410 };
  outgoing.writeHead(200, { 'content-type': JSON_TYPE });
  outgoing.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
}

function kubeconfigFor(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'it',
    clusters: [{ name: 'it', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'it', user: {} }],
    contexts: [{ name: 'it', context: { cluster: 'it', user: 'it' } }],
  });
}
