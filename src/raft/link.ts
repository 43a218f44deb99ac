/** The way to one peer: a stream that is kept open for as long as the peer is a member. */
import { createBackoff, type CancelTimer } from '../std/index.ts';
import {
  createChannel,
  services,
  STREAM_BUFFER_BYTES_MAX,
  type ClientBidiStream,
  type RpcChannel,
  type RpcError,
  type Wire,
} from '../rpc/index.ts';
import { encodeMessage, messageBytes } from './codec.ts';
import type { Message } from './core/index.ts';
import type { TransportOptions } from './peers.ts';

/** Bytes of messages in one batch, so that it stays below the limit of a gRPC message. */
const BATCH_BYTES_MAX = 4 * 2 ** 20;

export interface Link {
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
export function createLink(peerId: string, options: TransportOptions): Link {
  const backoff = createBackoff({ initialMs: 20, maxMs: 500 }, options.random);
  const channel = openChannel(peerId, options);
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

function openChannel(peerId: string, options: TransportOptions): RpcChannel {
  return createChannel({
    resolve: () => options.peers.resolve(peerId),
    serverName: options.peers.serverName(peerId),
    tls: options.tls,
    clusterId: options.clusterId,
    clock: options.clock,
    random: options.random,
    // The link has a back-off of its own, which ends early when the peer shows that it lives.
    backoff: { initialMs: 1, maxMs: 1 },
  });
}
