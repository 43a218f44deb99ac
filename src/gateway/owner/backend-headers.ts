/** Headers between this gateway and its MCP server. */
import { endToEndHeaders, EVENT_STREAM_TYPE, HEADER, JSON_TYPE } from '../../mcp/index.ts';
import type { FlatHeaders } from '../exchange.ts';
import type { HttpResponse } from '../http-client.ts';

/** Set anew for the server, because they speak of the client's connection and not of its request. */
const SET_HERE: ReadonlySet<string> = new Set([
  HEADER.accept,
  'accept-encoding',
  HEADER.contentType,
  HEADER.lastEventId,
  HEADER.sessionId,
]);

/** The client's end-to-end headers as a front passes them to an owner. */
export function clientHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): FlatHeaders {
  return endToEndHeaders(headers, SET_HERE);
}

export interface BackendHeaderOptions {
  readonly backendSessionId?: string | undefined;
  readonly lastEventId?: string | undefined;
  /** Overrides the client's header, for messages that the gateway sends on its own. */
  readonly protocolVersion?: string | null;
}

/** Headers of a request to the MCP server: name, value, name, value. */
export function backendHeaders(
  method: 'GET' | 'POST' | 'DELETE',
  client: FlatHeaders,
  options: BackendHeaderOptions,
): string[] {
  const { backendSessionId, lastEventId, protocolVersion } = options;
  const headers: string[] = [];
  for (const name of Object.keys(client)) {
    if (SET_HERE.has(name)) continue;
    if (name === HEADER.protocolVersion && protocolVersion !== undefined) continue;
    headers.push(name, client[name] as string);
  }
  headers.push(HEADER.accept, ACCEPT[method]);
  if (method === 'POST') headers.push(HEADER.contentType, JSON_TYPE);
  if (backendSessionId !== undefined) headers.push(HEADER.sessionId, backendSessionId);
  if (lastEventId !== undefined) headers.push(HEADER.lastEventId, lastEventId);
  if (typeof protocolVersion === 'string') headers.push(HEADER.protocolVersion, protocolVersion);
  return headers;
}

const ACCEPT = {
  GET: EVENT_STREAM_TYPE,
  POST: `${JSON_TYPE}, ${EVENT_STREAM_TYPE}`,
  DELETE: '*/*',
} as const;

/** The end-to-end headers of a server's answer that the client may see: not its session id, not its framing. */
export function answerHeaders(response: HttpResponse): FlatHeaders {
  return endToEndHeaders(response.headers, NOT_FOR_CLIENTS);
}

const NOT_FOR_CLIENTS: ReadonlySet<string> = new Set([
  HEADER.sessionId,
  'cache-control',
  'content-encoding',
  'date',
  'x-accel-buffering',
]);

/** One value of a header of the answer. */
export function headerOf(response: HttpResponse, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
