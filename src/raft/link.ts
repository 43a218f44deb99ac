/** The way to one peer: a stream that is kept open, and what waits for it. */
import { createBackoff, type CancelTimer } from '../std/index.ts';
import {
  createChannel,
  type ClientBidiStream,
  type RpcChannel,
  type RpcClient,
  type RpcError,
  type RpcService,
  type Wire,
} from '../rpc/index.ts';
import type { Message } from './core/index.ts';
import type { Introductions } from './introductions.ts';
import { Outbox } from './outbox.ts';
import { peerService } from './peer-service.ts';
import type { TransportOptions } from './peers.ts';
import { refusalOf, type Refusal, type RefusalReports } from './refusals.ts';

/** Bytes given to a stream ahead of what its connection takes; the rest waits here and shares a batch. */
const STREAM_BYTES_MAX = 1 * 2 ** 20;
/** How long news of the commit index alone may wait, and for how long a peer counts as one that proposes. */
const COMMIT_NEWS_MS = 2;
const PROPOSER_MS = 50;
const LOST_BACKOFF = { initialMs: 20, maxMs: 500 };
/** After a refusal only a person, or a change of the configuration, makes a difference. */
const REFUSED_BACKOFF = { initialMs: 1_000, maxMs: 15_000 };

type PeerClient = typeof peerService extends RpcService<infer Types> ? RpcClient<Types> : never;

export interface Link {
  /** Takes messages for the next batch; what it cannot take is told to `dropped`. */
  send(messages: readonly Message[]): void;
  canSend(): boolean;
  /** The peer makes proposals, and so waits to hear that they are committed. */
  proposes(): void;
  /** Tries to connect without waiting for the back-off: the peer showed that it lives. */
  connectNow(): void;
  /** Calls on the same connection. */
  readonly client: PeerClient;
  stop(): void;
}

export type DropReason = 'no-stream' | 'full' | 'oversized' | 'not-encodable';

/** What a link asks of the transport and tells it. */
export interface LinkHost {
  readonly options: TransportOptions;
  readonly introductions: Introductions;
  readonly reports: RefusalReports;
  /** Undefined for a message that cannot be sent now. */
  encode(message: Message): Wire.RaftMessageInput | undefined;
  sent(count: number): void;
  dropped(peerId: string, messages: readonly Message[], reason: DropReason): void;
  /** So much waits for the peer. */
  waiting(peerId: string, bytes: number): void;
}

type Stream = ClientBidiStream<Wire.PeerBatchInput>;
type LinkState =
  | { readonly state: 'waiting'; readonly cancel: CancelTimer }
  | { readonly state: 'opening' }
  /** The peer has not greeted yet: until then it may refuse the stream with all that is on it. */
  | { readonly state: 'greeting'; readonly stream: Stream }
  | { readonly state: 'open'; readonly stream: Stream }
  | { readonly state: 'stopped' };

/** Keeps one stream to a peer open until it is stopped. */
export function createLink(peerId: string, host: LinkHost): Link {
  return new PeerLink(peerId, host);
}

class PeerLink implements Link {
  readonly client: PeerClient;
  readonly #peerId: string;
  readonly #host: LinkHost;
  readonly #channel: RpcChannel;
  readonly #outbox = new Outbox();
  readonly #lostBackoff;
  readonly #refusedBackoff;
  #state: LinkState = { state: 'opening' };
  #attempt = 0;
  #flushing = false;
  #cancelNews: CancelTimer | undefined;
  #proposedAt = -Infinity;
  /** Whoever asked was told not to send, and is told when that is over. */
  #wasFull = false;
  #toldBytes = 0;
  #knownLoss: string | undefined;

  constructor(peerId: string, host: LinkHost) {
    this.#peerId = peerId;
    this.#host = host;
    this.#lostBackoff = createBackoff(LOST_BACKOFF, host.options.random);
    this.#refusedBackoff = createBackoff(REFUSED_BACKOFF, host.options.random);
    this.#channel = openChannel(peerId, host.options);
    this.client = this.#channel.client(peerService);
    this.#open();
  }

  send(messages: readonly Message[]): void {
    if (this.#state.state !== 'open') {
      return this.#host.dropped(this.#peerId, messages, 'no-stream');
    }
    for (const message of messages) {
      const result = this.#outbox.push(message);
      if (result !== 'taken') this.#host.dropped(this.#peerId, [message], result);
    }
    if (this.#isPatient()) return this.#flushLater();
    if (this.#flushing) return;
    this.#flushing = true;
    // Not at once: all that is sent in this turn of the event loop shares a batch.
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /**
   * News of the commit index waits for entries to travel with, and is dropped when some come: a message costs each side more
   * than what it says. A peer that has made proposals waits for just this news, and gets it at once.
   */
  #flushLater(): void {
    if (this.#cancelNews !== undefined) return;
    this.#cancelNews = this.#host.options.clock.schedule(COMMIT_NEWS_MS, () => {
      this.#cancelNews = undefined;
      this.#flush();
    });
  }

  proposes(): void {
    this.#proposedAt = this.#host.options.clock.monotonic();
  }

  #isPatient(): boolean {
    const { clock } = this.#host.options;
    return this.#outbox.canWait && clock.monotonic() - this.#proposedAt > PROPOSER_MS;
  }

  canSend(): boolean {
    if (this.#state.state !== 'open') return false;
    this.#wasFull ||= this.#outbox.bytes >= STREAM_BYTES_MAX;
    return !this.#wasFull;
  }

  connectNow(): void {
    if (this.#state.state !== 'waiting') return;
    this.#state.cancel();
    this.#lostBackoff.reset();
    this.#open();
  }

  stop(): void {
    const { state } = this.#state;
    this.#cancelNews?.();
    if (this.#state.state === 'waiting') this.#state.cancel();
    if (this.#state.state === 'open' || this.#state.state === 'greeting') {
      this.#state.stream.cancel();
    }
    this.#state = { state: 'stopped' };
    this.#channel.close();
    if (state === 'open') this.#dropWaiting();
  }

  #open(): void {
    const attempt = ++this.#attempt;
    const current = (): boolean => attempt === this.#attempt && this.#state.state !== 'stopped';
    this.#state = { state: 'opening' };
    const opened = this.client.exchange({
      onMessage: (answer) => {
        if (current()) this.#answered(answer);
      },
      onEnd: (error) => {
        if (current()) this.#lost(error?.message ?? 'ended by the peer');
      },
    });
    opened.then(
      (stream) => {
        if (!current() || this.#state.state !== 'opening') return stream.cancel();
        this.#state = { state: 'greeting', stream };
        stream.send({ greeting: this.#host.introductions.greeting(this.#peerId) });
      },
      (error: RpcError) => {
        if (current()) this.#lost(error.message);
      },
    );
  }

  #answered(answer: Wire.PeerAnswer): void {
    if (this.#state.state !== 'greeting') return;
    const { stream } = this.#state;
    const { introductions, reports, options } = this.#host;
    const told = answer.refusal === null ? undefined : refusalOf(answer.refusal);
    if (told !== undefined) return this.#refused(told, 'peer', stream);
    const { greeting } = answer;
    if (greeting === null) return this.#lost('no greeting', stream);
    const refusal = introductions.checkAnswer(this.#peerId, greeting);
    if (refusal !== undefined) return this.#refused(refusal, 'us', stream);
    introductions.trust(this.#peerId, greeting.diskId);
    reports.accepted(this.#peerId);
    this.#state = { state: 'open', stream };
    this.#wasFull = false;
    this.#knownLoss = undefined;
    this.#lostBackoff.reset();
    this.#refusedBackoff.reset();
    options.onOpen(this.#peerId);
  }

  #refused(refusal: Refusal, by: 'us' | 'peer', stream: Stream): void {
    this.#host.reports.refused(this.#peerId, refusal, by);
    this.#wait(this.#refusedBackoff.next());
    stream.cancel();
    this.#host.options.onLost(this.#peerId);
  }

  #lost(reason: string, stream?: Stream): void {
    const { logger, onLost } = this.#host.options;
    if (this.#knownLoss !== reason) logger.info('peer lost', { peer: this.#peerId, reason });
    this.#knownLoss = reason;
    this.#wait(this.#lostBackoff.next());
    stream?.cancel();
    this.#dropWaiting();
    onLost(this.#peerId);
  }

  /** Ends the attempt: what its stream still says is not heard. */
  #wait(delayMs: number): void {
    this.#attempt += 1;
    const cancel = this.#host.options.clock.schedule(delayMs, () => this.#open());
    this.#state = { state: 'waiting', cancel };
  }

  #dropWaiting(): void {
    const messages = this.#outbox.clear();
    this.#tellWaiting();
    if (messages.length > 0) this.#host.dropped(this.#peerId, messages, 'no-stream');
  }

  /** Fills the stream up to its limit; goes on when it has taken something. */
  readonly #flush = (): void => {
    if (this.#state.state !== 'open') return;
    const { stream } = this.#state;
    while (stream.waitingBytes() < STREAM_BYTES_MAX) {
      const batch = this.#outbox.take();
      if (batch === undefined) break;
      const messages: Wire.RaftMessageInput[] = [];
      for (const message of batch.messages) {
        const wire = this.#host.encode(message);
        if (wire === undefined) this.#host.dropped(this.#peerId, [message], 'not-encodable');
        else messages.push(wire);
      }
      if (messages.length === 0) continue;
      if (stream.send({ messages }, batch.bytes, this.#flush)) this.#host.sent(messages.length);
      else this.#host.dropped(this.#peerId, batch.messages, 'no-stream');
    }
    this.#tellWaiting();
    if (!this.#wasFull || this.#outbox.bytes >= STREAM_BYTES_MAX) return;
    this.#wasFull = false;
    this.#host.options.onOpen(this.#peerId);
  };

  #tellWaiting(): void {
    const { bytes } = this.#outbox;
    if (bytes !== this.#toldBytes) this.#host.waiting(this.#peerId, bytes);
    this.#toldBytes = bytes;
  }
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
