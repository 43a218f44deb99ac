/** Answers other pods' gateways on the peer port: mutual TLS, members of this cluster only. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { serializeSse, serializeSseComment } from '../../mcp/index.ts';
import type { Clock } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { GatewayAddress } from '../config.ts';
import { StreamInterrupted, type ServeOwner, type StreamReply } from '../exchange.ts';
import type { PeerTls } from '../ports.ts';
import { readBody } from '../read-body.ts';
import { closeServer, listen } from '../server.ts';
import { writeBody, writeStream, type WriteOptions } from '../write-stream.ts';
import {
  decodeRequest,
  encodeReply,
  INTERRUPTED_EVENT,
  PEER_BODY_BYTES_MIN,
  PEER_HEADER_BYTES_MAX,
  PEER_PATH,
  REPLY_HEADER,
  REQUEST_HEADER,
} from './wire.ts';

export interface PeerListener {
  /** Rejects when the port cannot be had. */
  start(): Promise<AddressInfo>;
  stop(): Promise<void>;
}

export interface PeerListenerOptions {
  readonly address: GatewayAddress;
  readonly tls: PeerTls;
  readonly limits: { readonly bodyBytes: number };
  readonly keepaliveMs: number;
  readonly stalledMs: number;
  readonly serve: ServeOwner;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createPeerListener(options: PeerListenerOptions): PeerListener {
  const { tls } = options;
  const server: Server = createServer(
    {
      ...tls.source.current(),
      requestCert: true,
      rejectUnauthorized: true,
      maxHeaderSize: PEER_HEADER_BYTES_MAX,
      keepAliveTimeout: 60_000,
      requestTimeout: 0,
    },
    (request, response) => {
      answer(options, request, response).catch((error: unknown) => {
        options.logger.error('peer request failed', { error: String(error) });
        response.destroy();
      });
    },
  );
  const sockets = new Set<Socket>();
  server.on('secureConnection', (socket: TLSSocket) => {
    if (tls.certificateClusterId(socket.getPeerCertificate()) !== tls.clusterId) {
      options.logger.warn('peer of another cluster refused', { address: socket.remoteAddress });
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (error) =>
    options.logger.debug('peer handshake failed', { error: error.message }),
  );
  const offChange = tls.source.onChange(() => server.setSecureContext(tls.source.current()));
  return {
    start: () => listen(server, options.address),
    stop() {
      offChange();
      return closeServer(server, sockets);
    },
  };
}

async function answer(
  options: PeerListenerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const body = await readBody(request, Math.max(options.limits.bodyBytes, PEER_BODY_BYTES_MIN));
  const header = request.headers[REQUEST_HEADER];
  const asked =
    request.url === PEER_PATH && typeof header === 'string' && body !== undefined
      ? decodeRequest(header, Buffer.from(body).toString('utf8'))
      : undefined;
  if (asked === undefined) {
    response.writeHead(400).end();
    return;
  }
  const reply = await options.serve(asked, gone.signal);
  response.writeHead(200, { [REPLY_HEADER]: encodeReply(reply) });
  if (reply.type === 'plain' || reply.type === 'refused') {
    response.end(reply.type === 'plain' ? reply.body : '');
    return;
  }
  if (reply.type === 'body') {
    await writeBody(response, reply.chunks, writing(options, gone.signal));
    response.end();
    return;
  }
  await sendEvents(options, response, reply, gone.signal);
}

async function sendEvents(
  options: PeerListenerOptions,
  response: ServerResponse,
  reply: StreamReply,
  signal: AbortSignal,
): Promise<void> {
  response.flushHeaders();
  try {
    await writeStream(response, reply.events, {
      ...writing(options, signal),
      keepaliveMs: options.keepaliveMs,
      frame: ({ id, data }) => serializeSse(id === '' ? { data } : { id, data }),
      keepalive: serializeSseComment('peer'),
    });
  } catch (error) {
    const code = error instanceof StreamInterrupted ? error.code : 'unreachable';
    response.write(serializeSse({ event: INTERRUPTED_EVENT, data: code }));
  }
  response.end();
}

/** The front cuts its own client off first; twice its patience says that the front itself hangs. */
function writing(options: PeerListenerOptions, signal: AbortSignal): WriteOptions {
  const { clock, logger, stalledMs } = options;
  const onStalled = (): void => logger.warn('a peer takes nothing of its answer');
  return { clock, signal, stalledMs: stalledMs * 2, onStalled };
}
