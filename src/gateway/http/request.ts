/** A request as Node's parser read it, refused where two programs could read it in two ways. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerRequest } from './types.ts';

/** Said twice, each of these could mean one thing here and another behind us. Node keeps the first and says nothing. */
const SINGLE: ReadonlySet<string> = new Set([
  'authorization',
  'content-length',
  'content-type',
  'expect',
  'host',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'origin',
  'transfer-encoding',
]);

export interface RequestHead {
  /** Path and query. */
  readonly target: string;
  /** By lower-case name; several of one name are joined (RFC 9110 §5.3). */
  readonly headers: Record<string, string>;
}

/** What a parsed head says, or undefined for a request that must be refused with 400. */
export function readHead(message: IncomingMessage): RequestHead | undefined {
  // The server was made with `joinDuplicateHeaders`: only Set-Cookie, which no client sends, is a list.
  const headers = message.headers as Record<string, string>;
  const { rawHeaders } = message;
  // As many names as lines: nothing was said twice.
  if (Object.keys(headers).length * 2 !== rawHeaders.length && repeatsSingle(rawHeaders))
    return undefined;
  const target = targetOf(message, headers['host']);
  return target === undefined ? undefined : { target, headers };
}

function repeatsSingle(rawHeaders: readonly string[]): boolean {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (!SINGLE.has(name)) continue;
    if (seen.has(name)) return true;
    seen.add(name);
  }
  return false;
}

function targetOf({ url = '', method }: IncomingMessage, host?: string): string | undefined {
  if (url.startsWith('/')) return url;
  if (url === '*') return method === 'OPTIONS' ? url : undefined;
  // The absolute form counts only when it names the same host as `Host` (RFC 9112 §3.2.2).
  const absolute = /^https?:\/\/([^/?#]+)([/?][^#]*)?$/i.exec(url);
  if (absolute === null || absolute[1]?.toLowerCase() !== host?.toLowerCase()) return undefined;
  const rest = absolute[2] ?? '/';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

export class NodeRequest implements ServerRequest {
  readonly target: string;
  readonly headers: Record<string, string>;
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #waitsForContinue: boolean;
  #gone: AbortController | undefined;

  constructor(
    message: IncomingMessage,
    response: ServerResponse,
    { target, headers }: RequestHead,
    waitsForContinue: boolean,
  ) {
    this.target = target;
    this.headers = headers;
    this.#message = message;
    this.#response = response;
    this.#waitsForContinue = waitsForContinue;
  }

  get method(): string {
    return this.#message.method ?? 'GET';
  }

  get signal(): AbortSignal {
    return this.#controller().signal;
  }

  abort(reason: Error): void {
    this.#controller().abort(reason);
  }

  readBody(bytesMax: number): Promise<Uint8Array | undefined> {
    const message = this.#message;
    if (Number(this.headers['content-length'] ?? 0) > bytesMax) return Promise.resolve(undefined);
    if (this.#waitsForContinue) this.#response.writeContinue();
    const chunks: Uint8Array[] = [];
    let length = 0;
    return new Promise((resolve, reject) => {
      message.on('data', (chunk: Uint8Array) => {
        length += chunk.length;
        if (length > bytesMax) {
          message.pause();
          resolve(undefined);
        } else chunks.push(chunk);
      });
      message.on('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
      message.on('error', reject);
      message.on('close', () => {
        if (!message.readableEnded)
          reject(new Error('the client left before the end of its request'));
      });
    });
  }

  /** Made when first asked for: what is answered from memory needs none. */
  #controller(): AbortController {
    if (this.#gone !== undefined) return this.#gone;
    const gone = new AbortController();
    const response = this.#response;
    const onClose = (): void => {
      if (!response.writableFinished) gone.abort(new Error('the client left'));
    };
    if (response.destroyed) onClose();
    else response.on('close', onClose);
    this.#gone = gone;
    return gone;
  }
}
