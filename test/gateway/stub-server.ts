/** A small MCP server in this process that misbehaves on demand and remembers what it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PROBE_SESSION_ID } from '../../src/gateway/health/active-probe.ts';
import { serializeSse } from '../../src/mcp/index.ts';

export interface StubOptions {
  readonly capabilities?: object;
  readonly protocolVersion?: string;
  /** Gives no session ids. */
  readonly stateless?: boolean;
  /** Status of GET; 200 opens a stream that says nothing. */
  readonly getStatus?: number;
  /** Called with each GET stream of a session once it is open. */
  readonly onGet?: (response: ServerResponse) => void;
  /** Never answers a DELETE. */
  readonly silentDelete?: boolean;
  /** Status of DELETE. */
  readonly deleteStatus?: number;
  /** A session is opened only when it resolves. */
  readonly onInitialize?: () => Promise<void>;
  /** Answers a call of this method itself; returns true when it did. */
  readonly onCall?: (call: StubCall) => boolean | Promise<boolean>;
  readonly port?: number;
}

export interface StubCall {
  readonly message: { id?: string | number; method?: string; params?: object };
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export interface StubServer {
  readonly port: number;
  /** Methods (or `response`) and HTTP methods in the order they came. */
  readonly seen: string[];
  readonly headers: IncomingMessage['headers'][];
  /** Forgets every session, as a restart would. */
  forget(): void;
  stop(): Promise<void>;
}

export async function startStub(options: StubOptions = {}): Promise<StubServer> {
  const sessions = new Set<string>();
  const seen: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  let next = 0;
  const json = (response: ServerResponse, status: number, body: object, id?: string): void => {
    response.writeHead(status, {
      'content-type': 'application/json',
      'x-stub': 'yes',
      ...(id === undefined ? {} : { 'mcp-session-id': id }),
    });
    response.end(JSON.stringify(body));
  };
  const onPost = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // Probes of the gateways beside it are none of the tests' business.
    if (request.headers['mcp-session-id'] === PROBE_SESSION_ID)
      return void response.writeHead(404).end();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const message = JSON.parse(Buffer.concat(chunks).toString()) as StubCall['message'];
    seen.push(message.method ?? 'response');
    headers.push(request.headers);
    const { id, method } = message;
    if (method === 'initialize') {
      await options.onInitialize?.();
      const sessionId = options.stateless === true ? undefined : `backend-${next++}`;
      if (sessionId !== undefined) sessions.add(sessionId);
      const result = {
        protocolVersion: options.protocolVersion ?? '2025-11-25',
        capabilities: options.capabilities ?? { tools: {} },
        serverInfo: { name: 'stub', version: '1' },
      };
      return json(response, 200, { jsonrpc: '2.0', id, result }, sessionId);
    }
    const known = sessions.has(String(request.headers['mcp-session-id']));
    if (options.stateless !== true && !known)
      return json(response, 404, {
        jsonrpc: '2.0',
        id: null,
        error: { code: -32001, message: 'Session not found' },
      });
    if ((await options.onCall?.({ message, request, response })) === true) return undefined;
    if (id === undefined || method === undefined) {
      response.writeHead(202).end();
      return undefined;
    }
    return json(response, 200, { jsonrpc: '2.0', id, result: { method } });
  };
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      onPost(request, response).catch(() => response.destroy());
      return;
    }
    const status =
      request.method === 'GET' ? (options.getStatus ?? 200) : (options.deleteStatus ?? 200);
    if (request.headers['mcp-session-id'] !== undefined) seen.push(request.method ?? '');
    headers.push(request.headers);
    if (request.method === 'DELETE' && options.silentDelete === true) return;
    if (request.method === 'DELETE' && status === 200)
      sessions.delete(String(request.headers['mcp-session-id']));
    if (request.method === 'GET' && status === 200) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      if (request.headers['mcp-session-id'] !== undefined) options.onGet?.(response);
    } else response.writeHead(status).end();
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    headers,
    forget: () => sessions.clear(),
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close').catch(() => undefined);
    },
  };
}

/** Begins an SSE answer; the returned function writes one message with an event id. */
export function beginStream(response: ServerResponse): (id: string, message: object | '') => void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  return (id, message) => {
    response.write(serializeSse({ id, data: message === '' ? '' : JSON.stringify(message) }));
  };
}
