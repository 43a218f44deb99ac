/** The way to one peer: connects when a call needs it, resolves the name each time, fails fast while the peer is gone. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import {
  createBackoff,
  RpcError,
  type Clock,
  type ConnectFailure,
  type Random,
} from '../std/index.ts';
import type { TlsSource } from '../security/index.ts';
import { createClient, type RpcClient } from './client.ts';
import { connect, type Connection } from './connection.ts';
import { connectFailure } from './connect-failure.ts';
import type { RpcService, ServiceTypes } from './service.ts';

export interface ChannelOptions {
  /** Where the peer is now: a name or an IP address, and the port; asked again at each connection attempt. */
  readonly resolve: () => Promise<{ host: string; port: number }>;
  readonly tls: TlsSource;
  /** DNS name that the peer's certificate must carry. */
  readonly serverName: string;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Limit on resolving, TCP and TLS together; default 1000. */
  readonly connectTimeoutMs?: number;
  /** Between failed attempts; calls in between fail at once with the last reason. Default 20 to 500. */
  readonly backoff?: { readonly initialMs: number; readonly maxMs: number };
  /** Silence after which the peer is pinged, and how long the answer may take; default 1000 and 1000. */
  readonly keepalive?: { readonly timeMs: number; readonly timeoutMs: number };
}

export type ChannelState =
  | { readonly state: 'idle' }
  | { readonly state: 'connecting' }
  | { readonly state: 'ready' }
  | { readonly state: 'failed'; readonly failure: ConnectFailure; readonly message: string }
  | { readonly state: 'closed' };

export interface RpcChannel {
  /** A caller for a service; all callers of a channel share one connection. */
  client<Types extends ServiceTypes>(service: RpcService<Types>): RpcClient<Types>;
  state(): ChannelState;
  /** Calls `listener` at each change: `failed` comes at once when the address refuses or the connection breaks. */
  onState(listener: (state: ChannelState) => void): () => void;
  /** Ends the connection and every call on it. */
  close(): void;
}

export function createChannel(options: ChannelOptions): RpcChannel {
  const { clock } = options;
  const backoff = createBackoff(options.backoff ?? { initialMs: 20, maxMs: 500 }, options.random);
  const listeners = new Set<(state: ChannelState) => void>();
  let state: ChannelState = { state: 'idle' };
  let attempt: Promise<Connection> | undefined;
  let current: Connection | undefined;
  let retryAt = 0;
  const enter = (next: ChannelState): void => {
    if (state.state === 'closed') return;
    state = next;
    for (const listener of [...listeners]) listener(next);
  };
  const failed = (error: RpcError): void => {
    attempt = undefined;
    current = undefined;
    enter({ state: 'failed', failure: error.connection ?? 'other', message: error.message });
  };
  async function establish(): Promise<Connection> {
    enter({ state: 'connecting' });
    try {
      const connection = await dial(options);
      if (state.state === 'closed') {
        connection.close();
        throw new RpcError('unavailable', 'channel closed', 'closed');
      }
      current = connection;
      backoff.reset();
      enter({ state: 'ready' });
      void connection.lost.then((reason) => {
        if (current === connection) failed(reason);
      });
      return connection;
    } catch (error) {
      const reason = error as RpcError;
      retryAt = clock.monotonic() + backoff.next();
      failed(reason);
      throw reason;
    }
  }
  const connected = (): Promise<Connection> => {
    if (state.state === 'closed') {
      return Promise.reject(new RpcError('unavailable', 'channel closed', 'closed'));
    }
    if (attempt === undefined) {
      if (state.state === 'failed' && clock.monotonic() < retryAt) {
        return Promise.reject(new RpcError('unavailable', state.message, state.failure));
      }
      attempt = establish();
    }
    return attempt;
  };
  return {
    client: (service) => createClient(service, async () => (await connected()).client),
    state: () => state,
    onState(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      const connection = current;
      enter({ state: 'closed' });
      current = undefined;
      connection?.close();
    },
  };
}

async function dial(options: ChannelOptions): Promise<Connection> {
  let host: string;
  let port: number;
  try {
    ({ host, port } = await options.resolve());
    if (isIP(host) === 0) host = (await lookup(host)).address;
  } catch (error) {
    const message = (error as Error).message;
    const failure = connectFailure(message);
    const text = `cannot resolve ${options.serverName}: ${message}`;
    throw new RpcError('unavailable', text, failure === 'other' ? 'unresolved' : failure);
  }
  return connect({
    address: host,
    port,
    material: options.tls.current(),
    serverName: options.serverName,
    clusterId: options.clusterId,
    connectTimeoutMs: options.connectTimeoutMs ?? 1_000,
    keepalive: options.keepalive ?? { timeMs: 1_000, timeoutMs: 1_000 },
  });
}
