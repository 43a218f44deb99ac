/** Where messages for a client go: the answer to one POST, or its standalone GET stream. */
import type { ServerResponse } from 'node:http';
import { drained } from '../host/index.ts';
import {
  EVENT_STREAM_HEADERS,
  HEADER,
  JSON_TYPE,
  serializeSse,
  type JsonRpcMessage,
} from '../mcp/index.ts';

export interface Outlet {
  /** One more message; false when the client reads more slowly than it gets. */
  send(message: JsonRpcMessage): boolean;
  /** The last message, or none: nothing follows. */
  end(message?: JsonRpcMessage): void;
  /** Breaks the connection off: the client must not take what it got for the whole. */
  cut(): void;
  /** Resolves when there is room again, or nobody reads any more. */
  room(): Promise<void>;
  /** Bytes that wait for the client. */
  readonly unreadBytes: number;
}

/**
 * The answer to a POST: JSON as long as there is but the one answer, a stream as soon as something comes before it; a
 * standalone stream is one from the start.
 */
export function createOutlet(
  response: ServerResponse,
  sessionId: string | undefined,
  kind: 'answer' | 'stream',
): Outlet {
  const headers = sessionId === undefined ? {} : { [HEADER.sessionId]: sessionId };
  let streaming = false;
  const openStream = (): void => {
    if (streaming) return;
    streaming = true;
    response.writeHead(200, { ...EVENT_STREAM_HEADERS, ...headers });
    response.flushHeaders();
  };
  const write = (message: JsonRpcMessage): boolean =>
    response.write(serializeSse({ event: 'message', data: JSON.stringify(message) }));
  if (kind === 'stream') openStream();
  return {
    send(message) {
      openStream();
      return write(message);
    },
    end(message) {
      if (streaming) {
        if (message !== undefined) write(message);
        response.end();
        return;
      }
      const body = message === undefined ? '' : JSON.stringify(message);
      response.writeHead(200, {
        ...headers,
        'content-type': JSON_TYPE,
        'content-length': Buffer.byteLength(body),
      });
      response.end(body);
    },
    cut: () => response.destroy(),
    room: () => drained(response),
    get unreadBytes() {
      return response.writableLength;
    },
  };
}
