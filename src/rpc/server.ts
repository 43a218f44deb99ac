/** The gRPC server of a process: services are added before it listens, every caller is of the cluster and has a role. */
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TlsSource } from '../security/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import { introduce, MEMBERS_ONLY, type ServiceAccess } from './callers.ts';
import { adaptHandlers, type ServiceHandlers } from './handlers.ts';
import { createListener } from './listener.ts';
import type { RpcService, ServiceTypes } from './service.ts';

/** Largest message in either direction, in bytes. */
export const MESSAGE_BYTES_MAX = 16 * 2 ** 20;
const STREAMS_PER_CONNECTION_MAX = 1_000;

export interface RpcServerOptions {
  readonly address: string;
  /** 0 takes any free port; `listen()` tells which. */
  readonly port: number;
  readonly tls: TlsSource;
  readonly clusterId: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Serves connections that speak plain HTTP/1.1 instead of TLS; without it they are closed. */
  readonly plainHttp?: (request: IncomingMessage, response: ServerResponse) => void;
  /** Silence after which a connection is pinged, and how long the answer may take; default 2000 and 2000. */
  readonly keepalive?: { readonly timeMs: number; readonly timeoutMs: number };
}

export interface RpcServer {
  /** Adds a service; call it before `listen()`. Without `access` only members may call it. */
  addService<Types extends ServiceTypes>(
    service: RpcService<Types>,
    handlers: ServiceHandlers<Types>,
    access?: ServiceAccess<Types>,
  ): void;
  /** Binds the port; rejects when that fails. */
  listen(): Promise<{ port: number }>;
  /** Takes no new connection, tells clients to go, ends what is left after `graceMs` (default 2000). */
  drain(graceMs?: number): void;
  /** Ends everything at once. */
  stop(): Promise<void>;
}

export function createRpcServer(options: RpcServerOptions): RpcServer {
  const keepalive = options.keepalive ?? { timeMs: 2_000, timeoutMs: 2_000 };
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION_MAX,
    'grpc.keepalive_time_ms': keepalive.timeMs,
    'grpc.keepalive_timeout_ms': keepalive.timeoutMs,
    'grpc.enable_channelz': 0,
  });
  // TLS ends in the listener, which compares the cluster id; gRPC gets the decrypted connection.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = createListener({
    ...options,
    onCaller: (socket, caller) => {
      introduce(socket, caller);
      injector.injectConnection(socket);
    },
  });
  let stopped = false;
  return {
    addService(service, handlers, access = MEMBERS_ONLY) {
      server.addService(
        service.definition,
        adaptHandlers(service, handlers, { ...options, access }) as UntypedServiceImplementation,
      );
    },
    listen: () => listener.listen(),
    drain(graceMs = 2_000) {
      listener.close();
      injector.drain(graceMs);
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      listener.close();
      server.forceShutdown();
      injector.destroy();
      listener.destroy();
    },
  };
}
