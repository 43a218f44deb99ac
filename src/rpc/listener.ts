/** The socket in front of the gRPC server: tells TLS from plain HTTP by the first byte and lets only holders of the cluster's certificates in. */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { certificateIdentity, type PeerIdentity, type TlsSource } from '../security/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';

/** First byte of a TLS record that carries a handshake. */
const TLS_HANDSHAKE = 0x16;
const FIRST_BYTE_TIMEOUT_MS = 5_000;
const HANDSHAKE_TIMEOUT_MS = 5_000;
const HTTP_TIMEOUT_MS = 10_000;
export const CONNECTIONS_MAX = 4_096;

export interface ListenerOptions {
  readonly address: string;
  readonly port: number;
  readonly tls: TlsSource;
  readonly clusterId: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Serves connections that do not speak TLS; without it they are closed. */
  readonly plainHttp?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  /** Receives each connection whose certificate belongs to the cluster. */
  readonly onCaller: (socket: TLSSocket, caller: PeerIdentity) => void;
}

export interface Listener {
  /** Rejects when the address cannot be bound. */
  listen(): Promise<{ port: number }>;
  /** Accepts no further connection; those that exist go on. */
  close(): void;
  /** Ends every connection. */
  destroy(): void;
}

export function createListener(options: ListenerOptions): Listener {
  const { logger } = options;
  const refused = options.metrics.counter(
    'rpc_connections_refused_total',
    'Connections to the cluster port that were not let in.',
    ['reason'],
  );
  const connections = options.metrics.gauge(
    'rpc_connections',
    'Open connections to the cluster port.',
  );
  const sockets = new Set<Socket>();
  const refuse = (socket: Socket, reason: string, detail?: string): void => {
    refused.inc({ reason });
    logger.warn('connection refused', { reason, detail, remote: socket.remoteAddress });
    socket.destroy();
  };
  const tlsServer = createMemberServer(options, refuse);
  const stopReloading = options.tls.onChange((material) => {
    tlsServer.setSecureContext(material);
  });
  const httpServer = createHttpServer((request, response) =>
    options.plainHttp?.(request, response),
  );
  httpServer.timeout = HTTP_TIMEOUT_MS;

  const tcpServer = createTcpServer({ noDelay: true, pauseOnConnect: false }, (socket) => {
    sockets.add(socket);
    connections.set(sockets.size);
    socket.once('close', () => {
      sockets.delete(socket);
      connections.set(sockets.size);
    });
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    socket.setTimeout(FIRST_BYTE_TIMEOUT_MS, () => socket.destroy());
    socket.once('readable', () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) {
        socket.destroy();
        return;
      }
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      socket.unshift(chunk);
      if (chunk[0] === TLS_HANDSHAKE) tlsServer.emit('connection', socket);
      else if (options.plainHttp === undefined) refuse(socket, 'not-tls');
      else httpServer.emit('connection', socket);
    });
  });
  tcpServer.maxConnections = CONNECTIONS_MAX;

  return {
    async listen() {
      tcpServer.listen(options.port, options.address);
      await once(tcpServer, 'listening');
      tcpServer.on('error', (error) =>
        logger.error('cluster port failed', { error: error.message }),
      );
      return { port: (tcpServer.address() as { port: number }).port };
    },
    close() {
      stopReloading();
      if (tcpServer.listening) tcpServer.close();
    },
    destroy() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** The TLS end: a client certificate is required, and the cluster id in it must be ours. */
function createMemberServer(
  options: ListenerOptions,
  refuse: (socket: Socket, reason: string, detail?: string) => void,
): ReturnType<typeof createTlsServer> {
  const material = options.tls.current();
  createSecureContext(material);
  const server = createTlsServer({
    ...material,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2'],
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => undefined);
    const caller = certificateIdentity(socket.getPeerCertificate());
    if (caller?.clusterId !== options.clusterId) {
      const detail = caller?.clusterId ?? 'no cluster id in the certificate';
      return refuse(socket, 'foreign-cluster', detail);
    }
    options.onCaller(socket, caller);
  });
  server.on('tlsClientError', (error, socket) => {
    refuse(socket, 'tls', error.message);
  });
  return server;
}
