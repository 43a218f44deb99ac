/** Raft messages over gRPC: one stream to each peer, everything waiting for it in one message; a broken stream is news. */
import { RpcError, services, type ServerBidiStream, type Wire } from '../rpc/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import { decodeMessage } from './codec.ts';
import type { Message } from './core/index.ts';
import { createLink, type Link } from './link.ts';
import type { TransportOptions } from './peers.ts';

export interface Transport {
  /** Hands messages over; what cannot travel now is dropped, as Raft expects of a network. */
  send(messages: readonly Message[]): void;
  /** Whether a message sent now would be handed to a stream that the peer reads. */
  canSend(peerId: string): boolean;
  /** Connects to exactly these peers. */
  setPeers(ids: readonly string[]): void;
  stop(): void;
}

/** The service must be added before the server listens; nothing is sent before `setPeers`. */
export function createTransport(options: TransportOptions): Transport {
  const links = new Map<string, Link>();
  const inbound = new Map<string, Inbound>();
  let stopped = false;
  const counters = createCounters(options.metrics);
  options.rpcServer.addService(services.raftPeer, {
    exchange(stream) {
      receive(stream, options, {
        isReady: () => !stopped && links.size > 0,
        isPeer: (id) => links.has(id),
        opened(id, own) {
          inbound.get(id)?.end(new RpcError('aborted', 'replaced by a newer stream'));
          inbound.set(id, own);
          links.get(id)?.connectNow();
        },
        closed(id, own) {
          if (inbound.get(id) !== own) return;
          inbound.delete(id);
          if (!stopped) options.onLost(id);
        },
        invalid: () => counters.dropped.inc({ reason: 'invalid' }),
      });
    },
  });
  return {
    send(messages) {
      const byPeer = new Map<string, Message[]>();
      for (const message of messages) {
        const group = byPeer.get(message.to);
        if (group === undefined) byPeer.set(message.to, [message]);
        else group.push(message);
      }
      for (const [id, group] of byPeer) {
        const sent = links.get(id)?.send(group) ?? 0;
        if (sent < group.length) counters.dropped.inc({ reason: 'no-stream' }, group.length - sent);
        counters.sent.inc({}, sent);
      }
    },
    canSend: (peerId) => links.get(peerId)?.canSend() ?? false,
    setPeers(ids) {
      for (const [id, link] of links) {
        if (ids.includes(id)) continue;
        links.delete(id);
        link.stop();
      }
      for (const id of ids) if (!links.has(id)) links.set(id, createLink(id, options));
    },
    stop() {
      stopped = true;
      for (const link of links.values()) link.stop();
      for (const stream of inbound.values()) stream.end();
    },
  };
}

function createCounters(metrics: Metrics) {
  return {
    sent: metrics.counter('raft_messages_sent_total', 'Raft messages handed to a stream.'),
    dropped: metrics.counter(
      'raft_messages_dropped_total',
      'Raft messages that were not sent or not understood.',
      ['reason'],
    ),
  };
}

interface Inbound {
  end(error?: RpcError): void;
}
interface InboundEvents {
  /** False before the first `setPeers`. */
  isReady(): boolean;
  isPeer(id: string): boolean;
  opened(id: string, stream: Inbound): void;
  closed(id: string, stream: Inbound): void;
  invalid(): void;
}

/** The stream that a peer opened: it greets first, then only it speaks. */
function receive(
  stream: ServerBidiStream<Wire.PeerBatch, Wire.PeerGreetingInput>,
  options: TransportOptions,
  events: InboundEvents,
): void {
  let peerId: string | undefined;
  let over = false;
  const own: Inbound = {
    end(error) {
      over = true;
      stream.end(error);
    },
  };
  stream.onMessage((batch) => {
    if (over) return;
    if (peerId === undefined) {
      const id = batch.greeting?.nodeId ?? '';
      if (!events.isReady()) return own.end(new RpcError('unavailable', 'not started yet'));
      if (!events.isPeer(id)) {
        options.logger.warn('stream of an unknown member refused', { peer: id });
        return own.end(new RpcError('permission-denied', `${id} is not a member`));
      }
      peerId = id;
      events.opened(id, own);
      stream.send({ nodeId: options.id, instance: options.instance });
    }
    for (const wire of batch.messages) {
      const message = decodeMessage(wire);
      if (message === undefined || message.from !== peerId) events.invalid();
      else options.onMessage(message);
    }
  });
  stream.onEnd(() => {
    stream.end();
    if (peerId !== undefined) events.closed(peerId, own);
  });
}
