/** One request of the gateway itself to the MCP server, answered as JSON or as a stream. */
import {
  createSseParser,
  EVENT_STREAM_TYPE,
  HEADER,
  mediaType,
  readMessages,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type RequestId,
} from '../../mcp/index.ts';
import { readText, TransportError, type HttpResponse } from '../http-client.ts';
import { saysSessionLost } from '../upstream.ts';
import { backendHeaders, headerOf, type BackendHeaderOptions } from './backend-headers.ts';
import type { FlatHeaders } from '../exchange.ts';
import type { OwnerTools } from './session-state.ts';

/** Longest event the gateway reads for itself. */
const EVENT_CHARS_MAX = 16 * 1024 * 1024;

export type CallOutcome =
  | { readonly type: 'answer'; readonly response: JsonRpcResponse; readonly sessionId?: string }
  /** Any other HTTP answer. */
  | {
      readonly type: 'status';
      readonly status: number;
      readonly body: string;
      readonly sessionLost: boolean;
    }
  /** No answer; `sent` false when the server cannot even be reached. */
  | { readonly type: 'failed'; readonly sent: boolean; readonly detail: string };

/** Sends `message` and waits for its answer; other messages of a stream are dropped. Never rejects. */
export async function callBackend(
  tools: Pick<OwnerTools, 'upstream'>,
  message: JsonRpcRequest,
  headers: FlatHeaders,
  options: BackendHeaderOptions & { readonly signal: AbortSignal },
): Promise<CallOutcome> {
  try {
    const response = await tools.upstream.send({
      method: 'POST',
      headers: backendHeaders('POST', headers, options),
      body: JSON.stringify(message),
      signal: options.signal,
    });
    const answer = await readAnswer(response, message.id);
    if (answer.response === undefined)
      return {
        type: 'status',
        status: response.status,
        body: answer.body,
        sessionLost: saysSessionLost(response.status, answer.body),
      };
    const sessionId = headerOf(response, HEADER.sessionId);
    return {
      type: 'answer',
      response: answer.response,
      ...(sessionId === undefined ? {} : { sessionId }),
    };
  } catch (error) {
    const sent = !(error instanceof TransportError) || error.sent;
    return { type: 'failed', sent, detail: String(error) };
  }
}

async function readAnswer(
  response: HttpResponse,
  id: RequestId,
): Promise<{ readonly response?: JsonRpcResponse; readonly body: string }> {
  if (mediaType(headerOf(response, HEADER.contentType)) !== EVENT_STREAM_TYPE) {
    const body = await readText(response);
    const found = response.status < 300 ? findAnswer(body, id) : undefined;
    return found === undefined ? { body } : { response: found, body };
  }
  const parser = createSseParser(EVENT_CHARS_MAX);
  for await (const chunk of response.body) {
    for (const item of parser.push(chunk)) {
      const found = item.type === 'event' ? findAnswer(item.data, id) : undefined;
      if (found !== undefined) return { response: found, body: '' };
    }
  }
  throw new Error('the stream ended without an answer');
}

function findAnswer(data: string, id: RequestId): JsonRpcResponse | undefined {
  for (const item of readMessages(data) ?? [])
    if (item.kind === 'response' && item.message.id === id) return item.message;
  return undefined;
}
