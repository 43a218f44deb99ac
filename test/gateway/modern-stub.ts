/** A server of the stateless era in this process that misbehaves on demand and remembers what it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { serializeSse } from '../../src/mcp/index.ts';
import type { Message } from './client.ts';
import { VERSION } from './modern-world.ts';

export interface StubRequest {
  readonly message: Partial<Message> & { readonly id?: string | number };
  /** What was sent, byte for byte. */
  readonly text: string;
  readonly headers: IncomingMessage['headers'];
  readonly response: ServerResponse;
  /** Resolves when the caller's connection is gone. */
  readonly gone: Promise<unknown>;
}

export interface ModernStub {
  readonly port: number;
  readonly seen: StubRequest[];
  /** What came for one method. */
  of(method: string): StubRequest[];
  /** Cuts every connection and listens no more. */
  stop(): Promise<void>;
}

export interface ModernStubOptions {
  /** Answers itself; returns true when it did, or will. */
  readonly onRequest?: (request: StubRequest) => boolean;
  readonly port?: number;
  readonly tools?: readonly object[];
}

/** Tools that may be repeated (`safe`) and that may not (`risky`). */
const TOOLS = [
  { name: 'safe', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } },
  { name: 'risky', inputSchema: { type: 'object' } },
];

const RESULTS: Readonly<Record<string, object>> = {
  'server/discover': { supportedVersions: [VERSION], capabilities: { tools: {} } },
};

export async function startModernStub(
  t: TestContext,
  options: ModernStubOptions = {},
): Promise<ModernStub> {
  const seen: StubRequest[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'POST') {
      response.writeHead(405, { allow: 'POST' }).end();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const message = JSON.parse(text) as StubRequest['message'];
    const asked = {
      message,
      text,
      headers: request.headers,
      response,
      gone: once(response, 'close'),
    };
    seen.push(asked);
    if (options.onRequest?.(asked) === true) return;
    const own = message.method === 'tools/list' ? { tools: options.tools ?? TOOLS } : {};
    sendResult(asked, { ...RESULTS[message.method ?? ''], ...own });
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  t.after(stop);
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    of: (method) => seen.filter(({ message }) => message.method === method),
    stop,
  };
}

/** A complete answer as JSON. */
export function sendResult({ message, response }: StubRequest, result: object): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const whole = { resultType: 'complete', ...result };
  response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: whole }));
}

/** Begins an SSE answer; the returned function writes one message. */
export function beginEvents({ response }: StubRequest): (message: object) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  return (message) => {
    response.write(serializeSse({ data: JSON.stringify({ jsonrpc: '2.0', ...message }) }));
  };
}
