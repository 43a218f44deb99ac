/** A client for the fault matrix: one call whose answer, stream and end can be watched, and which can leave. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createSseParser, EVENT_STREAM_TYPE } from '../../src/mcp/index.ts';
import type { Message } from './client.ts';

export interface WatchedCall {
  /** Messages so far. */
  readonly messages: Message[];
  /** The newest event id; undefined while none came. */
  lastEventId(): string | undefined;
  /** True once the connection is over, whole or broken. */
  over(): boolean;
  /** Breaks the connection. */
  leave(): void;
}

export interface WatchedRequest {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Sends only the first half of the body. */
  readonly half?: boolean;
}

/** Sends the request at once; never rejects: a broken connection is an observation. */
export function watchCall(url: URL, { method, headers, body, half }: WatchedRequest): WatchedCall {
  const messages: Message[] = [];
  let lastEventId: string | undefined;
  let over = false;
  const finish = (): void => {
    over = true;
  };
  const outgoing = httpRequest(url, {
    method,
    agent: false,
    headers: {
      ...headers,
      ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
    },
  });
  outgoing.once('error', finish);
  outgoing.once('response', (answer) => {
    answer.once('close', finish);
    answer.once('error', finish);
    read(answer, (text, id) => {
      lastEventId = id ?? lastEventId;
      if (text !== '') messages.push(JSON.parse(text) as Message);
    });
  });
  if (body === undefined) outgoing.end();
  else if (half === true) outgoing.write(body.slice(0, body.length / 2));
  else outgoing.end(body);
  return {
    messages,
    lastEventId: () => lastEventId,
    over: () => over,
    leave: () => outgoing.destroy(),
  };
}

function read(answer: IncomingMessage, take: (text: string, id: string | undefined) => void): void {
  if (answer.headers['content-type']?.startsWith(EVENT_STREAM_TYPE) !== true) {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.once('end', () => take(Buffer.concat(chunks).toString(), undefined));
    return;
  }
  const parser = createSseParser(1_000_000);
  answer.on('data', (chunk: Buffer) => {
    for (const item of parser.push(chunk)) {
      if (item.type === 'event') take(item.data, item.id);
      if (item.type === 'id') take('', item.id);
    }
  });
}
