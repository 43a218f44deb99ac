/**
 * One process for all sessions: the bridge is its only client, so ids and tokens are given anew, and what the server asks a
 * client cannot be asked. For servers whose state is meant to be common, and where a process for each session costs too much.
 */
import {
  errorResponse,
  isResult,
  LEGACY_VERSIONS,
  type ClassifiedMessage,
  type JsonObject,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type RequestId,
} from '../mcp/index.ts';
import type { Conversation, ConversationEnd } from './conversation.ts';
import type { Outlet } from './outlet.ts';
import { tokenOf } from './own-process.ts';
import { ServerProcess, type ServerProcessOptions } from './server-process.ts';

/** A client that leaves more unread than this is cut off: the others must not wait for it. */
const UNREAD_BYTES_MAX = 16 * 1024 * 1024;
const METHOD_NOT_FOUND = -32601;
const INITIALIZE_ID = 0;

interface Pending {
  readonly token: RequestId | undefined;
  readonly request: JsonRpcRequest;
  readonly outlet: Outlet;
  readonly client: Client;
}

interface Client {
  standalone: Outlet | undefined;
  readonly subscriptions: Set<string>;
  readonly onEnd: ConversationEnd;
}

export class SharedProcess {
  readonly #server: ServerProcess;
  readonly #clients = new Set<Client>();
  /** By the bridge's own id. */
  readonly #pending = new Map<RequestId, Pending>();
  /** The server's answer to the bridge's `initialize`, and who waits for it. */
  #initialized: JsonObject | undefined;
  #awaiting: { readonly request: JsonRpcRequest; readonly outlet: Outlet }[] = [];
  #lastId = INITIALIZE_ID;

  constructor(
    options: Pick<ServerProcessOptions, 'command' | 'clock' | 'logger'> & {
      readonly onEnd: ConversationEnd;
    },
  ) {
    this.#server = new ServerProcess({
      ...options,
      onMessage: (item) => this.#receive(item),
      onEnd: (how) => {
        options.onEnd(how);
        for (const client of this.#clients) client.onEnd(how);
        for (const { outlet } of [...this.#pending.values(), ...this.#awaiting]) outlet.cut();
        for (const { standalone } of this.#clients) standalone?.cut();
      },
    });
    const clientInfo = { name: 'mcp-cluster-bridge', version: '1' };
    const params = { protocolVersion: LEGACY_VERSIONS[0], capabilities: {}, clientInfo };
    this.#server.send({ jsonrpc: '2.0', id: INITIALIZE_ID, method: 'initialize', params });
  }

  get lastWords(): string {
    return this.#server.lastWords;
  }

  get isGone(): boolean {
    return this.#server.isGone;
  }

  open(onEnd: ConversationEnd): Conversation {
    const client: Client = { standalone: undefined, subscriptions: new Set(), onEnd };
    this.#clients.add(client);
    return {
      request: (message, outlet) => this.#request(client, message, outlet),
      tell: (item) => this.#tell(client, item),
      listen(outlet) {
        client.standalone?.end();
        client.standalone = outlet;
      },
      // Answers still come, and find nobody.
      left(outlet) {
        if (client.standalone === outlet) client.standalone = undefined;
      },
      close: async () => this.#close(client),
    };
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  #request(client: Client, request: JsonRpcRequest, outlet: Outlet): void {
    if (request.method === 'initialize') {
      if (this.#initialized === undefined) this.#awaiting.push({ request, outlet });
      else outlet.end({ jsonrpc: '2.0', id: request.id, result: this.#initialized });
      return;
    }
    const id = (this.#lastId += 1);
    const token = tokenOf(request);
    this.#pending.set(id, { token, request, outlet, client });
    this.#server.send({ ...(token === undefined ? request : withToken(request, id)), id });
  }

  /** Only a cancellation concerns the server: the rest is between it and its one client, the bridge. */
  #tell(client: Client, item: ClassifiedMessage): void {
    if (item.kind !== 'notification' || item.message.method !== 'notifications/cancelled') return;
    const { params } = item.message;
    for (const [id, { client: asker, request }] of this.#pending) {
      if (asker !== client || request.id !== params?.['requestId']) continue;
      this.#server.send({ ...item.message, params: { ...params, requestId: id } });
    }
  }

  #close(client: Client): void {
    this.#clients.delete(client);
    for (const uri of client.subscriptions) {
      if ([...this.#clients].some(({ subscriptions }) => subscriptions.has(uri))) continue;
      const id = (this.#lastId += 1);
      this.#server.send({ jsonrpc: '2.0', id, method: 'resources/unsubscribe', params: { uri } });
    }
  }

  #receive(item: ClassifiedMessage): void {
    if (item.kind === 'response') return this.#settle(item.message);
    if (item.kind === 'notification') return this.#spread(item.message);
    const { id, method } = item.message;
    if (method === 'ping') return this.#server.send({ jsonrpc: '2.0', id, result: {} });
    const message = `${method} cannot be asked: this process serves several clients`;
    return this.#server.send(errorResponse(id, { code: METHOD_NOT_FOUND, message }));
  }

  #settle(response: JsonRpcResponse): void {
    if (response.id === INITIALIZE_ID) return this.#begin(response);
    const found = response.id === null ? undefined : this.#pending.get(response.id);
    if (found === undefined || response.id === null) return;
    this.#pending.delete(response.id);
    if (isResult(response)) noteSubscription(found);
    found.outlet.end({ ...response, id: found.request.id });
  }

  #begin(response: JsonRpcResponse): void {
    if (isResult(response)) {
      this.#initialized = response.result;
      this.#server.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    }
    const awaiting = this.#awaiting;
    this.#awaiting = [];
    for (const { request, outlet } of awaiting) outlet.end({ ...response, id: request.id });
  }

  #spread(notification: JsonRpcNotification): void {
    const { method, params } = notification;
    if (method === 'notifications/progress') {
      const found = this.#pending.get(params?.['progressToken'] as RequestId);
      if (found?.token === undefined) return;
      const theirs = { ...params, progressToken: found.token };
      return deliver(found.outlet, { ...notification, params: theirs });
    }
    const uri = method === 'notifications/resources/updated' ? params?.['uri'] : undefined;
    for (const { standalone, subscriptions } of this.#clients) {
      const concerns = typeof uri !== 'string' || subscriptions.has(uri);
      if (concerns && standalone !== undefined) deliver(standalone, notification);
    }
  }
}

function deliver(outlet: Outlet, message: JsonRpcNotification): void {
  outlet.send(message);
  if (outlet.unreadBytes > UNREAD_BYTES_MAX) outlet.cut();
}

function noteSubscription({ request, client }: Pending): void {
  const uri = request.params?.['uri'];
  if (typeof uri !== 'string') return;
  if (request.method === 'resources/subscribe') client.subscriptions.add(uri);
  if (request.method === 'resources/unsubscribe') client.subscriptions.delete(uri);
}

function withToken(message: JsonRpcRequest, token: number): JsonRpcRequest {
  const meta = message.params?.['_meta'] as JsonObject;
  return { ...message, params: { ...message.params, _meta: { ...meta, progressToken: token } } };
}
