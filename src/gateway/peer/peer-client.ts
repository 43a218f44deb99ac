/** Asks the gateway of another pod, over mutual TLS within one cluster. */
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import { createSseParser } from '../../mcp/index.ts';
import type { Clock } from '../../std/index.ts';
import type { RefusalCode } from '../core/types.ts';
import { refused, StreamInterrupted, type OwnerReply, type OwnerRequest } from '../exchange.ts';
import {
  connected,
  createHttpClient,
  originOf,
  readText,
  TransportError,
  type Connector,
  type HttpClient,
  type HttpResponse,
} from '../http-client.ts';
import type { Member, OutgoingEvent, PeerTls, TlsMaterial } from '../ports.ts';
import {
  decodeReply,
  encodeRequest,
  INTERRUPTED_EVENT,
  PEER_PATH,
  REPLY_HEADER,
  REQUEST_HEADER,
} from './wire.ts';

export interface PeerClient {
  /** Never rejects; a broken connection is the refusal `unreachable`, `proof` says that the address refuses. */
  ask(member: Member, request: OwnerRequest, signal: AbortSignal): Promise<OwnerReply>;
  stop(): Promise<void>;
}

export interface PeerClientOptions {
  readonly tls: PeerTls;
  readonly connectMs: number;
  readonly eventCharsMax: number;
  readonly clock: Clock;
}

export function createPeerClient(options: PeerClientOptions): PeerClient {
  /** One client per address, so that one server name belongs to one pool. */
  const clients = new Map<string, HttpClient>();
  const clientOf = (member: Member): HttpClient => {
    const name = member.peer.serverName ?? member.peer.host;
    const known = clients.get(name);
    if (known !== undefined) return known;
    const client = createHttpClient(tlsConnector(options, name));
    clients.set(name, client);
    return client;
  };

  return {
    async ask(member, request, signal) {
      let sent = false;
      try {
        const response = await clientOf(member).request({
          origin: originOf('https', member.peer.host, member.peer.port),
          path: PEER_PATH,
          method: 'POST',
          headers: [
            ...[REQUEST_HEADER, encodeRequest(request)],
            ...['content-type', 'application/json'],
          ],
          body: request.body,
          signal,
          onSending: () => (sent = true),
        });
        return await readReply(response, options.eventCharsMax);
      } catch (error) {
        if (!(error instanceof TransportError)) return refused('unreachable', sent, String(error));
        const reply = refused('unreachable', error.sent, error.message);
        return error.refused ? { ...reply, proof: true } : reply;
      }
    },
    async stop() {
      await Promise.all([...clients.values()].map((client) => client.stop()));
    },
  };
}

async function readReply(response: HttpResponse, eventCharsMax: number): Promise<OwnerReply> {
  const header = response.headers[REPLY_HEADER];
  const head = decodeReply(typeof header === 'string' ? header : undefined);
  if (head === undefined) {
    await response.body.dump();
    return refused('unreachable', true, `a peer answered ${response.status} without a reply`);
  }
  if (head.type === 'stream') return { ...head, events: readEvents(response, eventCharsMax) };
  if (head.type === 'body') return { ...head, chunks: response.body };
  const body = await readText(response);
  return head.type === 'plain' ? { ...head, body } : head;
}

/** Between pods an event has an id beside its data. */
const FRAME_CHARS = 1_024;

/** The owner's events; a connection that breaks is an interruption like any other. */
async function* readEvents(
  response: HttpResponse,
  eventCharsMax: number,
): AsyncGenerator<OutgoingEvent> {
  const parser = createSseParser(eventCharsMax + FRAME_CHARS);
  try {
    for await (const chunk of response.body) {
      for (const item of parser.push(chunk)) {
        if (item.type !== 'event') continue;
        if (item.event === INTERRUPTED_EVENT) throw new StreamInterrupted(item.data as RefusalCode);
        yield { id: item.id ?? '', data: item.data };
      }
    }
  } catch (error) {
    if (error instanceof StreamInterrupted) throw error;
    throw new StreamInterrupted('unreachable', String(error));
  } finally {
    response.body.destroy();
  }
}

/**
 * Connects with the material of the moment, so a renewed certificate counts from the next connection on, and only to a member
 * of our own cluster. TLS sessions are not resumed: a resumed one does not show the peer's certificate.
 */
function tlsConnector({ tls, connectMs, clock }: PeerClientOptions, servername: string): Connector {
  let used: TlsMaterial | undefined;
  let secureContext: SecureContext | undefined;
  return async (host, port) => {
    const now = tls.source.current();
    // Reading keys and certificates takes longer than all the rest of a connection.
    if (secureContext === undefined || used !== now)
      secureContext = createSecureContext({ ...now });
    used = now;
    const options = { host, port, servername, secureContext };
    const socket = await connected(connectTls(options), 'secureConnect', connectMs, clock);
    if (tls.isPeer(socket.getPeerCertificate())) return socket;
    socket.on('error', () => undefined);
    socket.destroy();
    throw new Error('the address is not that of a pod of this cluster');
  };
}
