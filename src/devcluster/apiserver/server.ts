/** The API server as a part of a process: an HTTPS listener over a store. */
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock, Random } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { ObjectStore } from '../objects/index.ts';
import { bootstrap } from './bootstrap.ts';
import type { Api, PodLogs } from './context.ts';
import { startDefinitionController } from './definitions.ts';
import { startEventExpiry } from './event-expiry.ts';
import { createRegistry } from './registry.ts';
import { serve } from './serve.ts';
import { createTokenIssuer } from './tokens/issuer.ts';

export interface ApiServerOptions {
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  /** PEM: the authority of client certificates, and the server's own certificate and key. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where logs of pods come from; without it reading a log is refused. */
  readonly logs?: PodLogs;
}

export interface ApiServer {
  readonly url: string;
  readonly port: number;
  /** Ends every watch and connection. The store stays open: it is its owner's. */
  stop(): Promise<void>;
}

/** Starts serving; rejects when the address cannot be listened on. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { store, clock, random, logger, tls } = options;
  const api: Api = {
    store,
    registry: createRegistry(store),
    clock,
    random,
    logger,
    logs: options.logs,
    tokens: await createTokenIssuer(),
    now: () => new Date(clock.wall()),
  };
  bootstrap(api);
  await store.durable();
  const definitions = startDefinitionController(api);
  const expiry = startEventExpiry(api);
  const stopping = new AbortController();
  let address = '';
  const serveOptions = {
    api,
    address: () => address,
    stopping: stopping.signal,
  };
  const server = createServer(
    { ...tls, requestCert: true, rejectUnauthorized: false, keepAliveTimeout: 65_000 },
    (message, response) => void serve(serveOptions, message, response),
  );
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.address, resolve);
  }).catch((error: unknown) => {
    // Their timers would keep the process alive.
    definitions.stop();
    expiry.stop();
    throw error;
  });
  const { port } = server.address() as AddressInfo;
  address = `${options.address}:${port}`;
  return {
    url: `https://${address}`,
    port,
    async stop() {
      stopping.abort();
      definitions.stop();
      expiry.stop();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
