/** Clients for the tests: the official one, and bare HTTP for what it would never send. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { createSseParser, type SseItem } from '../../src/mcp/index.ts';
import { required } from '../../src/std/index.ts';

export interface Connected {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
  readonly sessionId: string;
  /** Makes every later request of this client go to another pod. */
  redirect(url: URL): void;
}

export interface ConnectOptions {
  readonly capabilities?: object;
  /** Where each request goes, as a load balancer would say; until the client is redirected. */
  readonly through?: () => URL;
  /** Called before `connect`, for handlers. */
  readonly prepare?: (client: Client) => void;
}

/** An official client connected through `url`. */
export async function connect(url: URL, options: ConnectOptions = {}): Promise<Connected> {
  let target = options.through ?? ((): URL => url);
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: options.capabilities ?? {} },
  );
  options.prepare?.(client);
  const transport = new StreamableHTTPClientTransport(url, {
    fetch: (_url, init) => fetch(target(), init),
  });
  await client.connect(transport);
  return {
    client,
    transport,
    sessionId: transport.sessionId ?? '',
    redirect: (next) => {
      target = () => next;
    },
  };
}

/** The text of `echo`'s answer. */
export async function echo(client: Client, message: string): Promise<string> {
  const answer = await client.callTool({ name: 'echo', arguments: { message } });
  const [content] = answer.content as { text: string }[];
  return content?.text ?? '';
}

/** A JSON-RPC message read loosely: a test that looks for what is not there fails by that. */
export interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly result: { readonly content: readonly { readonly text: string }[] };
  readonly error: {
    readonly code: number;
    readonly message: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: Partial<Message>;
}

export const POST_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const;

export const INITIALIZE = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'raw', version: '1' },
  },
} as const;

/** One HTTP request, read to its end; the last JSON-RPC message of a stream counts as the body's JSON. */
export async function raw(url: URL, init: RequestInit): Promise<RawAnswer> {
  const response = await fetch(url, init);
  const body = await response.text();
  let text = body;
  if (response.headers.get('content-type')?.startsWith('text/event-stream') === true) {
    const items = createSseParser(1e9).push(new TextEncoder().encode(body));
    text =
      items.findLast((item) => item.type === 'event' && item.data !== '')?.['data' as never] ?? '';
  }
  let json: RawAnswer['json'] = {};
  try {
    json = JSON.parse(text) as RawAnswer['json'];
  } catch {
    // Not JSON: the test looks at the body.
  }
  return { status: response.status, headers: response.headers, body, json };
}

/** A POST with the usual headers; `headers` wins, undefined removes one. */
export function post(
  url: URL,
  message: unknown,
  headers: Record<string, string | undefined> = {},
): Promise<RawAnswer> {
  const all: Record<string, string | undefined> = { ...POST_HEADERS, ...headers };
  const kept = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return raw(url, {
    method: 'POST',
    headers: Object.fromEntries(kept),
    body: typeof message === 'string' ? message : JSON.stringify(message),
  });
}

/** Opens a session by hand; returns the headers of its later requests. */
export async function openRaw(
  url: URL,
): Promise<{ 'mcp-session-id': string; 'mcp-protocol-version': string }> {
  const answer = await post(url, INITIALIZE);
  const headers = {
    'mcp-session-id': answer.headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': '2025-11-25',
  };
  await post(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers);
  return headers;
}

export interface RawStream {
  readonly status: number;
  readonly headers: Headers;
  /** Everything received so far. */
  readonly items: SseItem[];
  /** Resolves when the server ends the stream; rejects when it breaks. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens an SSE stream and keeps what arrives. */
export async function openStream(url: URL, init: RequestInit): Promise<RawStream> {
  const abort = new AbortController();
  const response = await fetch(url, { ...init, signal: abort.signal });
  const items: SseItem[] = [];
  const parser = createSseParser(1e9);
  const read = async (): Promise<void> => {
    for await (const chunk of response.body ?? []) items.push(...parser.push(chunk as Uint8Array));
  };
  const ended = read();
  ended.catch(() => undefined);
  return {
    status: response.status,
    headers: response.headers,
    items,
    ended,
    close: () => abort.abort(),
  };
}

/** The JSON messages of the events of a stream. */
export function messagesOf(stream: RawStream): Message[] {
  return stream.items.flatMap((item) =>
    item.type === 'event' && item.data !== '' ? [JSON.parse(item.data) as Message] : [],
  );
}

/** The last message of a stream; fails when there is none. */
export function lastMessage(stream: RawStream): Message {
  return required(messagesOf(stream).at(-1), 'the stream has a message');
}

/** The newest event id of a stream. */
export function lastEventId(stream: RawStream): string {
  const last = stream.items.findLast(
    (item): item is SseItem & { id: string } => 'id' in item && item.id !== undefined,
  );
  return last?.id ?? '';
}
