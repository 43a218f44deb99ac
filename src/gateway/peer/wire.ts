/** How gateways talk to each other: HTTP, the question and the kind of answer as JSON in one header each. */
import { isJsonObject } from '../../mcp/index.ts';
import type { RefusalCode } from '../core/types.ts';
import type { FlatHeaders, OwnerReply, OwnerRequest } from '../exchange.ts';

/** The one path of the peer listener. */
export const PEER_PATH = '/v1/serve';
export const REQUEST_HEADER = 'x-mcp-cluster-request';
export const REPLY_HEADER = 'x-mcp-cluster-reply';
/** SSE event by which an owner says that a stream cannot go on there; data = the refusal's code. */
export const INTERRUPTED_EVENT = 'mcp-cluster-interrupted';
/** Room for what owners tell each other, however short the bodies of clients must be. */
export const PEER_BODY_BYTES_MIN = 8 * 1024 * 1024;
/** Room for the client's own headers in {@link REQUEST_HEADER}. */
export const PEER_HEADER_BYTES_MAX = 256 * 1024;

/** The head of an answer; body or events follow in the HTTP body. */
export type ReplyHead =
  | { readonly type: 'plain'; readonly status: number; readonly headers: FlatHeaders }
  | { readonly type: 'body'; readonly status: number; readonly headers: FlatHeaders }
  | { readonly type: 'stream'; readonly headers: FlatHeaders }
  | {
      readonly type: 'refused';
      readonly code: RefusalCode;
      readonly sent: boolean;
      readonly detail?: string;
    };

/** Everything of a request but its body, as a header's value. */
export function encodeRequest(request: OwnerRequest): string {
  const { body: _body, parsed: _parsed, ...head } = request;
  return encode(head);
}

/** The request in a header's value and the body; undefined when it is not one. The peer is authenticated, not trusted to be of our version. */
export function decodeRequest(header: string | undefined, body: string): OwnerRequest | undefined {
  const head = decode(header);
  if (head === undefined) return undefined;
  const { op, sessionId, epoch, headers } = head;
  if (typeof op !== 'string' || !OPERATIONS.has(op)) return undefined;
  if (typeof sessionId !== 'string' || !Number.isSafeInteger(epoch)) return undefined;
  if (!isJsonObject(headers)) return undefined;
  return { ...(head as unknown as OwnerRequest), body };
}

export function encodeReply(reply: OwnerReply): string {
  if (reply.type === 'refused') return encode(reply);
  const { type, headers } = reply;
  return encode(type === 'stream' ? { type, headers } : { type, headers, status: reply.status });
}

export function decodeReply(header: string | undefined): ReplyHead | undefined {
  const head = decode(header);
  if (head === undefined) return undefined;
  return REPLIES.has(String(head['type'])) ? (head as unknown as ReplyHead) : undefined;
}

const REPLIES: ReadonlySet<string> = new Set(['plain', 'body', 'stream', 'refused']);

const OPERATIONS: ReadonlySet<string> = new Set<OwnerRequest['op']>([
  'take',
  'move',
  'replicate',
  'held',
  'task',
  'initialize',
  'post',
  'get',
  'resume',
  'may-repeat',
  'delete',
  'stateless',
  'listen',
  'probe',
  'rates',
]);

/** JSON in the characters that a header may have: the others are escaped, as JSON allows everywhere in its strings. */
const encode = (value: object): string =>
  JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

function decode(header: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (header === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(header);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
