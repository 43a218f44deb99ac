/** Headers between this gateway and its MCP server. */
import { endToEndHeaders, EVENT_STREAM_TYPE, HEADER, JSON_TYPE } from '../../mcp/index.ts';
import type { FlatHeaders } from '../exchange.ts';
import type { HttpResponse } from '../http-client.ts';

/** Set anew for the server, because they speak of the client's connection and not of its request. */
const REPLACED = [
  HEADER.accept,
  'accept-encoding',
  HEADER.contentType,
  HEADER.lastEventId,
  HEADER.sessionId,
];

/** The client's end-to-end headers as a front passes them to an owner. */
export function clientHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): FlatHeaders {
  return endToEndHeaders(headers, REPLACED);
}

export interface BackendHeaderOptions {
  readonly backendSessionId?: string | undefined;
  readonly lastEventId?: string | undefined;
  /** Overrides the client's header, for messages that the gateway sends on its own. */
  readonly protocolVersion?: string | null;
}

/** Headers of a request to the MCP server. */
export function backendHeaders(
  method: 'GET' | 'POST' | 'DELETE',
  client: FlatHeaders,
  options: BackendHeaderOptions,
): FlatHeaders {
  const headers: Record<string, string> = { ...client };
  if (method === 'POST') {
    headers[HEADER.accept] = `${JSON_TYPE}, ${EVENT_STREAM_TYPE}`;
    headers[HEADER.contentType] = JSON_TYPE;
  } else headers[HEADER.accept] = method === 'GET' ? EVENT_STREAM_TYPE : '*/*';
  if (options.backendSessionId !== undefined) headers[HEADER.sessionId] = options.backendSessionId;
  if (options.lastEventId !== undefined) headers[HEADER.lastEventId] = options.lastEventId;
  if (options.protocolVersion === null) delete headers[HEADER.protocolVersion];
  else if (options.protocolVersion !== undefined)
    headers[HEADER.protocolVersion] = options.protocolVersion;
  return headers;
}

/** The end-to-end headers of a server's answer that the client may see: not its session id, not its framing. */
export function answerHeaders(response: HttpResponse): FlatHeaders {
  return endToEndHeaders(response.headers, [
    HEADER.sessionId,
    'cache-control',
    'content-encoding',
    'date',
    'x-accel-buffering',
  ]);
}

/** One value of a header of the answer. */
export function headerOf(response: HttpResponse, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
