/** Raft messages over gRPC: one stream to each peer, everything waiting for it in one message; a broken stream is news. */
import { createBackoff, type CancelTimer, type Clock, type Random } from '../std/index.ts';
import {
  createChannel,
  RpcError,
  services,
  STREAM_BUFFER_BYTES_MAX,
  type ClientBidiStream,
  type RpcChannel,
  type RpcServer,
  type ServerBidiStream,
  type Wire,
} from '../rpc/index.ts';
import type { TlsSource } from '../security/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import { decodeMessage, encodeMessage, messageBytes } from './codec.ts';
import type { Message } from './core/index.ts';

/** Bytes of messages in one batch, so that it stays below the limit of a gRPC message. */
const BATCH_BYTES_MAX = 4 * 2 ** 20;

/** Where the peers are, and the name in their certificate. */
export interface PeerDirectory {
  /** Asked again at each connection attempt. */
  resolve(id: string): Promise<{ host: string; port: number }>;
  serverName(id: string): string;
}

export interface TransportOptions {
  readonly id: string;
  /** Random per process. */
  readonly instance: string;
  readonly clusterId: string;
  readonly peers: PeerDirectory;
  readonly rpcServer: Pick<RpcServer, 'addService'>;
  readonly tls: TlsSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onMessage: (message: Message) => void;
  /** The stream to or from a peer broke, or its address refused: what was under way may be lost. */
  readonly onLost: (peerId: string) => void;
  /** Messages can be sent to a peer again. */
  readonly onOpen: (peerId: string) => void;
}

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
        isPeer: (id) => !stopped && links.has(id),
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

interface Link {
  /** How many of the messages a stream took. */
  send(messages: readonly Message[]): number;
  canSend(): boolean;
  /** Tries to connect without waiting for the back-off: the peer showed that it lives. */
  connectNow(): void;
  stop(): void;
}

type LinkState =
  | { readonly state: 'waiting'; readonly cancel: CancelTimer }
  | { readonly state: 'opening' }
  /** The peer has not greeted yet: until then it may refuse the stream with all that is on it. */
  | { readonly state: 'greeting'; readonly stream: ClientBidiStream<Wire.PeerBatchInput> }
  | { readonly state: 'open'; readonly stream: ClientBidiStream<Wire.PeerBatchInput> }
  | { readonly state: 'stopped' };

/** Keeps one stream to a peer open for as long as the peer is a member. */
function createLink(peerId: string, options: TransportOptions): Link {
  const backoff = createBackoff({ initialMs: 20, maxMs: 500 }, options.random);
  const channel: RpcChannel = createChannel({
    resolve: () => options.peers.resolve(peerId),
    serverName: options.peers.serverName(peerId),
    tls: options.tls,
    clusterId: options.clusterId,
    clock: options.clock,
    random: options.random,
    backoff: { initialMs: 1, maxMs: 1 },
  });
  const client = channel.client(services.raftPeer);
  let state: LinkState;
  let known: string | undefined;
  const lost = (error: RpcError | undefined): void => {
    if (state.state === 'stopped') return;
    const message = error?.message ?? 'ended by the peer';
    if (known !== message) options.logger.info('peer lost', { peer: peerId, reason: message });
    known = message;
    state = { state: 'waiting', cancel: options.clock.schedule(backoff.next(), open) };
    options.onLost(peerId);
  };
  function open(): void {
    state = { state: 'opening' };
    const opened = client.exchange({
      onMessage() {
        if (state.state !== 'greeting') return;
        state = { state: 'open', stream: state.stream };
        known = undefined;
        backoff.reset();
        options.onOpen(peerId);
      },
      onEnd: (error) => lost(error),
    });
    opened.then(
      (stream) => {
        if (state.state === 'stopped') return stream.cancel();
        if (state.state !== 'opening') return;
        state = { state: 'greeting', stream };
        stream.send({ greeting: { nodeId: options.id, instance: options.instance } });
      },
      (error: RpcError) => lost(error),
    );
  }
  open();
  return {
    send(messages) {
      if (state.state !== 'open') return 0;
      let sent = 0;
      while (sent < messages.length) {
        const batch = takeBatch(messages, sent);
        const wire = batch.messages.map(encodeMessage);
        if (!state.stream.send({ messages: wire }, batch.bytes)) break;
        sent += batch.messages.length;
      }
      return sent;
    },
    canSend: () => state.state === 'open' && state.stream.waitingBytes() <= STREAM_BUFFER_BYTES_MAX,
    connectNow() {
      if (state.state !== 'waiting') return;
      state.cancel();
      backoff.reset();
      open();
    },
    stop() {
      if (state.state === 'waiting') state.cancel();
      if (state.state === 'open' || state.state === 'greeting') state.stream.cancel();
      state = { state: 'stopped' };
      channel.close();
    },
  };
}

function takeBatch(
  messages: readonly Message[],
  from: number,
): { messages: Message[]; bytes: number } {
  const batch: Message[] = [];
  let bytes = 0;
  for (const message of messages.slice(from)) {
    const size = messageBytes(message);
    if (batch.length > 0 && bytes + size > BATCH_BYTES_MAX) break;
    batch.push(message);
    bytes += size;
  }
  return { messages: batch, bytes };
}
