/** The vocabulary of the request path: what a client asked, what a front asks an owner, and the answers. */
import type { Era, ParsedBody, RequestId } from '../mcp/index.ts';
import type { ClaimReason, RefusalCode } from './core/types.ts';
import type { EventId, OutgoingEvent, SessionRecord } from './ports.ts';

/** Headers with one value per name, lower case. */
export type FlatHeaders = Readonly<Record<string, string>>;

/** A complete answer. */
export interface PlainReply {
  readonly type: 'plain';
  readonly status: number;
  readonly headers: FlatHeaders;
  readonly body: string;
}

/** An SSE answer; the iteration throws {@link StreamInterrupted} when it cannot go on where it comes from. */
export interface StreamReply {
  readonly type: 'stream';
  readonly headers: FlatHeaders;
  readonly events: AsyncIterable<OutgoingEvent>;
}

/**
 * A complete answer that is too long to be held: its bytes as they come, at the reader's pace. Nothing in it is observed or
 * translated. The iteration throws when the answer breaks off; whoever began to send it can then only cut the connection.
 */
export interface BodyReply {
  readonly type: 'body';
  readonly status: number;
  readonly headers: FlatHeaders;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** What goes to the client. */
export type Reply = PlainReply | StreamReply | BodyReply;

export interface Refusal {
  readonly type: 'refused';
  readonly code: RefusalCode;
  /** False only when it is certain that the MCP server did not get the message. */
  readonly sent: boolean;
  /** `unreachable` only: the address refused the connection, so the process behind it is gone. */
  readonly proof?: true;
  readonly detail?: string;
}

export type OwnerReply = Reply | Refusal;

/** What an owner asks another pod. */
export type OwnerOp = 'take' | 'move' | 'replicate' | 'held' | 'task';

/** What the front asks the pod that owns (or shall own) a session. */
export interface OwnerRequest {
  /**
   * `get` comes from the client; `resume` from a front whose stream from the owner broke, `may-repeat` from one whose `post`
   * was lost: 200 if the server says that a second one does no harm. `stateless` and `listen` are requests of the era without
   * sessions; `move` = give the session to the pod that `body` names. Between owners: `take` a session over now, `replicate` =
   * keep copies of these events, `held` = tell which you have, `task` = ask your server, which began it. `probe` asks whether the server answers at all.
   */
  readonly op:
    | 'initialize'
    | 'post'
    | 'get'
    | 'resume'
    | 'may-repeat'
    | 'delete'
    | 'stateless'
    | 'listen'
    | 'probe'
    | 'rates'
    | OwnerOp;
  /** '' where there are no sessions. */
  readonly sessionId: string;
  /** The epoch the front knows; 0 for `initialize`. */
  readonly epoch: number;
  /** Present: take the session over from `epoch`. */
  readonly claim?: ClaimReason;
  /** The client's end-to-end headers. */
  readonly headers: FlatHeaders;
  /** The JSON text of a POST. */
  readonly body: string;
  /** `body` parsed; not on the wire. */
  readonly parsed?: ParsedBody;
  readonly lastEventId?: string;
  /** Id of the principal that opens the session (`initialize`), or that asks (`stateless`). */
  readonly principal?: string;
  /** What is left of the time the request may take, when it is sent. */
  readonly timeoutMs?: number;
  /** On whose behalf; absent = of nobody in particular. */
  readonly tenant?: string;
  /** `task`: the server's session in which the task runs. */
  readonly backendSessionId?: string;
  /** `stateless`: it names state of this pod, which serves it while draining, too. */
  readonly placed?: true;
}

/** Serves sessions: this pod's own host, or another pod behind a connection. Never rejects. */
export type ServeOwner = (request: OwnerRequest, signal: AbortSignal) => Promise<OwnerReply>;

/** A stream broke off; the code says what the front may do. */
export class StreamInterrupted extends Error {
  override readonly name = 'StreamInterrupted';
  readonly code: RefusalCode;
  constructor(code: RefusalCode, detail?: string) {
    super(detail ?? code);
    this.code = code;
  }
}

/** Whoever sends requests, as authentication found out. */
export interface Principal {
  /** The same for the same subject of the same issuer, and nothing that could be used as a credential. */
  readonly id: string;
  readonly tenant: string;
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
}

export const ANONYMOUS: Principal = { id: 'anonymous', tenant: 'default', groups: [], scopes: [] };

/** One request of a client on its way through the interceptors, each of which fills in what it found out. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  /** By lower-case name. */
  readonly headers: Record<string, string>;
  /** Aborts when the client's connection is gone, or its time is over. */
  signal: AbortSignal;
  /** The whole body, or undefined when it is longer than `bytesMax`. */
  readBody(bytesMax: number): Promise<Uint8Array | undefined>;
  /** Metric label: the JSON-RPC method, or the HTTP method. */
  label: string;
  body: string;
  parsed?: ParsedBody;
  /** Who asks; `ANONYMOUS` unless somebody is authenticated. */
  principal: Principal;
  era: Era;
  /** The version that a request of the stateless era asks for. */
  requestedVersion?: string;
  lastEventId?: EventId & { readonly text: string };
  session?: ExchangeSession;
  /** When the request's time is over, by the gateway's monotonic clock; absent: it has no end. */
  deadline?: number;
}

export type ExchangeSession =
  | { readonly op: 'initialize'; readonly sessionId: string }
  | { readonly op: 'post' | 'get' | 'delete'; readonly record: SessionRecord };

export type Handler = (exchange: Exchange) => Promise<Reply>;
export type Interceptor = (next: Handler) => Handler;

/** Folds interceptors around a handler, the first one outermost. */
export function compose(interceptors: readonly Interceptor[], handler: Handler): Handler {
  return interceptors.reduceRight((next, interceptor) => interceptor(next), handler);
}

/** The id to answer an error with, before anything else is known of the request. */
export function requestIdOf({ parsed }: Pick<Exchange, 'parsed'>): RequestId | null {
  const first = parsed?.messages[0];
  return first?.kind === 'request' ? first.message.id : null;
}

/** An answer that needs nobody else, from a step that does not wait. */
export const now = (reply: Reply): Promise<Reply> => Promise.resolve(reply);

/** A complete answer with a JSON body. */
export function plain(status: number, body: string, headers: FlatHeaders = {}): PlainReply {
  const type = body === '' ? {} : { 'content-type': 'application/json' };
  return { type: 'plain', status, headers: { ...type, ...headers }, body };
}

export function refused(code: RefusalCode, sent: boolean, detail?: string): Refusal {
  return { type: 'refused', code, sent, ...(detail === undefined ? {} : { detail }) };
}
