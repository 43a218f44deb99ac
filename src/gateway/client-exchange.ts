/** A request of a client as it goes through the interceptors. */
import type { Era, ParsedBody } from '../mcp/index.ts';
import { ANONYMOUS, type Exchange, type ExchangeSession, type Principal } from './exchange.ts';
import type { ServerRequest } from './http/types.ts';

export class ClientExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  label = 'http';
  body = '';
  parsed?: ParsedBody;
  principal: Principal = ANONYMOUS;
  era: Era = 'legacy';
  requestedVersion?: string;
  lastEventId?: NonNullable<Exchange['lastEventId']>;
  session?: ExchangeSession;
  deadline?: number;
  readonly #request: ServerRequest;
  #signal: AbortSignal | undefined;

  constructor(request: ServerRequest) {
    const { target } = request;
    const query = target.indexOf('?');
    this.method = request.method;
    this.path = query === -1 ? target : target.slice(0, query);
    this.headers = request.headers;
    this.#request = request;
  }

  get signal(): AbortSignal {
    return (this.#signal ??= this.#request.signal);
  }

  set signal(signal: AbortSignal) {
    this.#signal = signal;
  }

  readBody(bytesMax: number): Promise<Uint8Array | undefined> {
    return this.#request.readBody(bytesMax);
  }
}
