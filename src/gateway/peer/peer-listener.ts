/** Answers other pods' gateways on the peer port: mutual TLS, members of this cluster only. */
import type { AddressInfo } from 'node:net';
import type { Server as TlsServer, TLSSocket } from 'node:tls';
import { serializeSse, serializeSseComment } from '../../mcp/index.ts';
import type { Clock } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { GatewayAddress } from '../config.ts';
import { StreamInterrupted, type ServeOwner, type StreamReply } from '../exchange.ts';
import type { PeerTls } from '../ports.ts';
import { createHttpServer } from '../http/server.ts';
import type { Answer, ServerRequest } from '../http/types.ts';
import { closeServer, listen } from '../../host/index.ts';
import { writeBody, writeStream } from '../write-stream.ts';
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

/** Peers are quick; what they send is not, when it is a large body on a slow network. */
const REQUEST_MS = 60_000;
const IDLE_MS = 60_000;
/** More than all other pods of a large cluster have requests for one. */
const CONNECTIONS_MAX = 50_000;

export function createPeerListener(options: PeerListenerOptions): PeerListener {
  const { tls, logger } = options;
  const { server, stop } = createHttpServer({
    tls: { ...tls.source.current(), requestCert: true, rejectUnauthorized: true },
    limits: {
      connectionsMax: CONNECTIONS_MAX,
      headerBytes: PEER_HEADER_BYTES_MAX,
      headMs: REQUEST_MS,
      bodyMs: REQUEST_MS,
      keepAliveMs: IDLE_MS,
      // The front cuts its own client off first; twice its patience says that the front itself hangs.
      stalledMs: options.stalledMs * 2,
    },
    keepaliveMs: options.keepaliveMs,
    handle: (request, answer) => respond(options, request, answer),
    onError: (error) => logger.error('peer request failed', { error: String(error) }),
    onCutOff: (limit) => logger.warn('peer cut off', { limit }),
    clock: options.clock,
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    if (tls.isPeer(socket.getPeerCertificate())) return;
    logger.warn('connection of somebody who is no peer refused', { address: socket.remoteAddress });
    socket.destroy();
  });
  server.on('tlsClientError', (error) =>
    logger.debug('peer handshake failed', { error: error.message }),
  );
  const offChange = tls.source.onChange(() =>
    (server as TlsServer).setSecureContext(tls.source.current()),
  );
  return {
    start: () => listen(server, options.address),
    stop() {
      offChange();
      return closeServer(server, stop);
    },
  };
}

async function respond(
  options: PeerListenerOptions,
  request: ServerRequest,
  answer: Answer,
): Promise<void> {
  const body = await request.readBody(Math.max(options.limits.bodyBytes, PEER_BODY_BYTES_MIN));
  const asked =
    request.target === PEER_PATH && body !== undefined
      ? decodeRequest(request.headers[REQUEST_HEADER], Buffer.from(body).toString('utf8'))
      : undefined;
  if (asked === undefined) return answer.send(400, {}, '');
  const { signal } = request;
  const reply = await options.serve(asked, signal);
  const head = { [REPLY_HEADER]: encodeReply(reply) };
  if (reply.type === 'plain' || reply.type === 'refused')
    return answer.send(200, head, reply.type === 'plain' ? reply.body : '');
  answer.begin(200, head);
  if (reply.type === 'body') await writeBody(answer, reply.chunks, signal);
  else await sendEvents(options, answer, reply, signal);
  answer.end();
}

const KEEPALIVE = serializeSseComment('peer');

async function sendEvents(
  options: PeerListenerOptions,
  answer: Answer,
  reply: StreamReply,
  signal: AbortSignal,
): Promise<void> {
  answer.keepalive(options.keepaliveMs, KEEPALIVE);
  try {
    await writeStream(answer, reply.events, signal, ({ id, data }) =>
      serializeSse(id === '' ? { data } : { id, data }),
    );
  } catch (error) {
    const code = error instanceof StreamInterrupted ? error.code : 'unreachable';
    answer.write(serializeSse({ event: INTERRUPTED_EVENT, data: code }));
  }
}
