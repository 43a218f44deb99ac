/** A session with a process of its own: ids and tokens are the client's, only the way of each message is decided here. */
import type {
  ClassifiedMessage,
  JsonRpcMessage,
  JsonRpcRequest,
  JsonRpcResponse,
  RequestId,
} from '../mcp/index.ts';
import type { Conversation, ConversationEnd } from './conversation.ts';
import type { Outlet } from './outlet.ts';
import { ServerProcess, type ServerProcessOptions } from './server-process.ts';

/** Messages that wait for a client without any open stream; the oldest is dropped. */
const UNHEARD_MAX = 256;

export interface OwnProcessOptions extends Pick<
  ServerProcessOptions,
  'command' | 'clock' | 'logger'
> {
  readonly onEnd: ConversationEnd;
  /** A message was thrown away: nobody listened for too long. */
  readonly onDropped: () => void;
}

export class OwnProcess implements Conversation {
  readonly #options: OwnProcessOptions;
  readonly #server: ServerProcess;
  /** By id of the request, in the order they came. */
  readonly #pending = new Map<RequestId, Outlet>();
  /** Which request reports its progress under a token. */
  readonly #tokens = new Map<RequestId, RequestId>();
  #standalone: Outlet | undefined;
  #unheard: JsonRpcMessage[] = [];

  constructor(options: OwnProcessOptions) {
    this.#options = options;
    this.#server = new ServerProcess({
      ...options,
      onMessage: (item) => this.#receive(item),
      onEnd: (how) => {
        options.onEnd(how);
        for (const outlet of this.#pending.values()) outlet.cut();
        this.#pending.clear();
        this.#standalone?.cut();
      },
    });
  }

  get lastWords(): string {
    return this.#server.lastWords;
  }

  request(message: JsonRpcRequest, outlet: Outlet): void {
    this.#pending.set(message.id, outlet);
    const token = tokenOf(message);
    if (token !== undefined) this.#tokens.set(token, message.id);
    this.#tellUnheard(outlet);
    this.#server.send(message);
  }

  tell({ message }: ClassifiedMessage): void {
    this.#server.send(message);
  }

  listen(outlet: Outlet): void {
    this.#standalone?.end();
    this.#standalone = outlet;
    this.#tellUnheard(outlet);
  }

  left(outlet: Outlet): void {
    if (this.#standalone === outlet) this.#standalone = undefined;
    for (const [id, other] of this.#pending) if (other === outlet) this.#forget(id);
  }

  close(): Promise<void> {
    return this.#server.stop();
  }

  #receive(item: ClassifiedMessage): void {
    if (item.kind === 'response') return this.#answer(item.message);
    const outlet = this.#outletFor(item);
    if (outlet !== undefined) return this.#deliver(outlet, item.message);
    this.#unheard.push(item.message);
    if (this.#unheard.length <= UNHEARD_MAX) return;
    this.#unheard.shift();
    this.#options.onDropped();
  }

  #answer(message: JsonRpcResponse): void {
    if (message.id === null) return;
    const outlet = this.#pending.get(message.id);
    this.#forget(message.id);
    if (outlet === undefined) return;
    // The requests of one batch share an outlet.
    if ([...this.#pending.values()].includes(outlet)) this.#deliver(outlet, message);
    else outlet.end(message);
  }

  /** Progress belongs to its request; a request of the server most likely to the newest; the rest to nobody in particular. */
  #outletFor(item: ClassifiedMessage): Outlet | undefined {
    const token = item.kind === 'notification' ? item.message.params?.['progressToken'] : undefined;
    const owner = this.#tokens.get(token as RequestId);
    if (owner !== undefined) return this.#pending.get(owner);
    const newest = [...this.#pending.values()].at(-1);
    return item.kind === 'request' ? (newest ?? this.#standalone) : (this.#standalone ?? newest);
  }

  #tellUnheard(outlet: Outlet): void {
    for (const message of this.#unheard.splice(0)) this.#deliver(outlet, message);
  }

  /** The server waits while its client is slow; nobody else is behind it. */
  #deliver(outlet: Outlet, message: JsonRpcMessage): void {
    if (outlet.send(message)) return;
    this.#server.pause();
    void outlet.room().then(() => this.#server.resume());
  }

  #forget(id: RequestId): void {
    this.#pending.delete(id);
    for (const [token, owner] of this.#tokens) if (owner === id) this.#tokens.delete(token);
  }
}

/** The token under which a request's progress is reported. */
export function tokenOf({ params }: JsonRpcRequest): RequestId | undefined {
  const meta = params?.['_meta'] as { progressToken?: unknown } | undefined;
  const token = meta?.progressToken;
  return typeof token === 'string' || typeof token === 'number' ? token : undefined;
}
