/** Streamable HTTP in front of a stdio server (MCP 2025-11-25, transports): what the gateway beside it expects of a server. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { closeServer, listen } from '../host/index.ts';
import {
  accepts,
  decideEra,
  errorText,
  EVENT_STREAM_TYPE,
  HEADER,
  isLegacyVersion,
  MCP_ERRORS,
  mcpError,
  parseBody,
  type JsonRpcRequest,
  type McpErrorKind,
  type ParsedBody,
  type RequestId,
} from '../mcp/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { BridgeSession, BridgeSessions } from './bridge-sessions.ts';
import { createOutlet, type Outlet } from './outlet.ts';

export interface BridgeListenerOptions {
  readonly host: string;
  /** 0: any. */
  readonly port: number;
  readonly path: string;
  readonly bodyBytesMax: number;
  readonly sessions: BridgeSessions;
  readonly metrics: Metrics;
}

export interface BridgeListener {
  /** Rejects when the port cannot be had. */
  start(): Promise<AddressInfo>;
  stop(): Promise<void>;
}

export function createBridgeListener(options: BridgeListenerOptions): BridgeListener {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    answer(options, request, response).catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return {
    start: () => listen(server, options),
    stop: () =>
      closeServer(server, () => {
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function answer(
  options: BridgeListenerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path] = (request.url ?? '').split('?', 1);
  if (path === '/metrics') {
    response.writeHead(200, { 'content-type': options.metrics.contentType });
    response.end(await options.metrics.exposition());
    return;
  }
  if (path !== options.path) return refuse(response, MCP_ERRORS.notFound);
  if (request.method === 'POST') return post(options, request, response);
  if (request.method === 'GET') return get(options, request, response);
  if (request.method === 'DELETE') {
    const session = sessionOf(options, request, response);
    if (session === undefined) return;
    await options.sessions.end(session.id);
    response.writeHead(200).end();
    return;
  }
  refuse(response, MCP_ERRORS.methodNotAllowed);
}

async function post(
  options: BridgeListenerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request, options.bodyBytesMax);
  if (body === undefined) return refuse(response, MCP_ERRORS.bodyTooLarge);
  const parsed = parseBody(body);
  if (!parsed.ok) {
    response.writeHead(parsed.error.kind.status, { 'content-type': 'application/json' });
    response.end(errorText(parsed.error));
    return;
  }
  const version = header(request, HEADER.protocolVersion);
  const requests = requestsOf(parsed.value);
  const id = requests[0]?.id ?? null;
  const isLegacy =
    decideEra(parsed.value, version).type === 'legacy' &&
    (version === undefined || isLegacyVersion(version));
  // A client of the stateless era learns from this that it has to initialize.
  if (!isLegacy) return refuse(response, MCP_ERRORS.protocolVersionHeader, id, version);
  const first = requests[0];
  if (first?.method === 'initialize') return initialize(options, first, response);
  const session = sessionOf(options, request, response, id);
  if (session === undefined) return;
  const outlet = requests.length > 0 ? watched(session, response, 'answer') : undefined;
  for (const item of parsed.value.messages) {
    if (item.kind === 'request') session.conversation.request(item.message, outlet as Outlet);
    else session.conversation.tell(item);
  }
  if (outlet === undefined) response.writeHead(202).end();
}

function initialize(
  options: BridgeListenerOptions,
  request: JsonRpcRequest,
  response: ServerResponse,
): void {
  const session = options.sessions.begin();
  if (session === undefined) {
    response.setHeader('retry-after', '1');
    return refuse(response, MCP_ERRORS.tooManyChildren, request.id);
  }
  const outlet = watched(session, response, 'answer');
  session.conversation.request(request, {
    ...outlet,
    get unreadBytes() {
      return outlet.unreadBytes;
    },
    // It is cut before it answered: the process could not be started, or died of something it may have said.
    cut() {
      if (response.headersSent) return outlet.cut();
      const words = session.lastWords();
      const why = [session.ended ?? 'ended', ...(words === '' ? [] : [words])].join('; it said: ');
      response.setHeader('retry-after', '1');
      return refuse(response, MCP_ERRORS.childEnded, request.id, why);
    },
  });
}

function get(
  options: BridgeListenerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (!accepts(request.headers.accept, EVENT_STREAM_TYPE))
    return refuse(response, MCP_ERRORS.notAcceptableGet);
  const session = sessionOf(options, request, response);
  if (session !== undefined) session.conversation.listen(watched(session, response, 'stream'));
}

/** An outlet that the session forgets when its client is gone. */
function watched(
  session: BridgeSession,
  response: ServerResponse,
  kind: 'answer' | 'stream',
): Outlet {
  const outlet = createOutlet(response, session.id, kind);
  session.open += 1;
  response.on('close', () => {
    session.open -= 1;
    session.conversation.left(outlet);
  });
  return outlet;
}

/** The session that the header names, or undefined after a refusal was written. */
function sessionOf(
  options: BridgeListenerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  id: RequestId | null = null,
): BridgeSession | undefined {
  const name = header(request, HEADER.sessionId);
  const session = name === undefined ? undefined : options.sessions.find(name);
  if (session !== undefined) return session;
  refuse(
    response,
    name === undefined ? MCP_ERRORS.sessionIdRequired : MCP_ERRORS.sessionNotFound,
    id,
  );
  return undefined;
}

const requestsOf = ({ messages }: ParsedBody): JsonRpcRequest[] =>
  messages.flatMap((item) => (item.kind === 'request' ? [item.message] : []));

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function refuse(
  response: ServerResponse,
  kind: McpErrorKind,
  id: RequestId | null = null,
  detail?: string,
): void {
  response.writeHead(kind.status, { 'content-type': 'application/json' });
  response.end(errorText(mcpError(kind, detail), id));
}

async function readBody(request: IncomingMessage, bytesMax: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    // Read to its end all the same: whoever sends hears of it then, and the connection can be used again.
    if (length <= bytesMax) chunks.push(chunk);
  }
  if (length > bytesMax) return undefined;
  return Buffer.concat(chunks).toString('utf8');
}
