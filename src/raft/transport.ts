/** Raft messages over gRPC: one stream to each peer, everything waiting for it in one message; a broken stream is news. */
import type { Wire } from '../rpc/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import { createPacker, encodeMessage } from './codec.ts';
import type { Message } from './core/index.ts';
import { decodeMessage, type WireProblem } from './decode.ts';
import { createInbound, type Inbound } from './inbound.ts';
import { createIntroductions, type Introductions } from './introductions.ts';
import { createLink, type DropReason, type Link, type LinkHost } from './link.ts';
import { peerService } from './peer-service.ts';
import type { GroupPorts, TransportOptions } from './peers.ts';
import { createRefusalReports, type RefusalReports } from './refusals.ts';
import { createSnapshotFetcher, type SnapshotFetcher } from './snapshot-transfer.ts';
import { createSnapshotServer, type SnapshotServer } from './snapshot-server.ts';

export interface Transport {
  /** Hands messages over; what cannot travel now is dropped, as Raft expects of a network, and told to `onDropped`. */
  send(messages: readonly Message[]): void;
  /** Whether a message sent now would be handed to a stream that the peer reads. */
  canSend(peerId: string): boolean;
  /**
   * Connects to exactly these peers. Others that call are answered for as long as they stay connected. `rejoined` are those
   * (`any`: one cannot know which) that may have been out of the configuration since the last call: the disk that they had
   * before counts no more.
   */
  setPeers(ids: readonly string[], rejoined?: readonly string[] | 'any'): void;
  /** Lets another group use the links; returns how to take it out again. */
  addGroup(groupId: string, ports: GroupPorts): () => void;
  stop(): void;
}

interface Group extends GroupPorts {
  readonly fetcher: SnapshotFetcher | undefined;
}

/** The service must be added before the server listens; nothing is sent before `setPeers`. */
export function createTransport(options: TransportOptions): Transport {
  const transport = new PeerTransport(options);
  transport.addGroup(options.groupId ?? 'main', options);
  return transport;
}

class PeerTransport implements Transport {
  readonly #options: TransportOptions;
  readonly #counters: ReturnType<typeof createCounters>;
  readonly #reports: RefusalReports;
  readonly #introductions: Introductions;
  readonly #inbound: Inbound;
  readonly #snapshotServer: SnapshotServer;
  readonly #groups = new Map<string, Group>();
  readonly #links = new Map<string, Link>();
  readonly #linkHost: LinkHost;
  readonly #packer = createPacker();
  /** Undefined before the first `setPeers`. */
  #members: ReadonlySet<string> | undefined;
  #stopped = false;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#counters = createCounters(options.metrics);
    this.#reports = createRefusalReports(options.logger, options.metrics, options.onJudged);
    const isMember = (id: string): boolean => this.#members?.has(id) ?? false;
    this.#introductions = createIntroductions(options, isMember);
    this.#linkHost = this.#createLinkHost();
    this.#inbound = createInbound({
      introductions: this.#introductions,
      reports: this.#reports,
      isReady: () => this.#members !== undefined && !this.#stopped,
      isPeer: isMember,
      opened: (id) => this.#opened(id),
      closed: (id) => this.#closed(id),
      message: (id, wire) => this.#receive(id, wire),
      unreadable: (id, problem) => this.#refuse(id, problem),
    });
    this.#snapshotServer = createSnapshotServer(options, {
      isConnected: (id, instance) => this.#inbound.isConnected(id, instance),
      snapshots: (groupId) => this.#groups.get(groupId)?.snapshots,
    });
    options.rpcServer.addService(peerService, {
      exchange: (stream) => this.#inbound.receive(stream),
      fetchSnapshot: (request, stream) => this.#snapshotServer.serve(request, stream),
    });
  }

  send(messages: readonly Message[]): void {
    this.#packer.forget();
    const byPeer = new Map<string, Message[]>();
    for (const message of messages) {
      const waiting = byPeer.get(message.to);
      if (waiting === undefined) byPeer.set(message.to, [message]);
      else waiting.push(message);
    }
    for (const [id, waiting] of byPeer) {
      const link = this.#links.get(id);
      if (link === undefined) this.#dropped(id, waiting, 'no-stream');
      else link.send(waiting);
    }
  }

  canSend(peerId: string): boolean {
    return this.#links.get(peerId)?.canSend() ?? false;
  }

  setPeers(ids: readonly string[], rejoined: readonly string[] | 'any' = []): void {
    const before = this.#members ?? new Set();
    this.#members = new Set(ids);
    for (const id of before) if (!this.#members.has(id)) this.#introductions.forget(id);
    for (const id of rejoined === 'any' ? ids : rejoined) {
      this.#introductions.forget(id);
      this.#links.get(id)?.connectNow();
    }
    for (const id of this.#members) {
      const diskId = this.#inbound.diskOf(id);
      if (diskId !== undefined) this.#introductions.trust(id, diskId);
      this.#connect(id);
    }
    for (const id of this.#links.keys()) this.#disconnectStranger(id);
  }

  addGroup(groupId: string, ports: GroupPorts): () => void {
    const { snapshots, onMessage } = ports;
    const fetcher =
      snapshots === undefined
        ? undefined
        : createSnapshotFetcher({
            ...this.#options,
            groupId,
            snapshots,
            client: (id) => this.#links.get(id)?.client,
            send: (message) => this.send([message]),
            onArrived: onMessage,
          });
    const { onDropped } = ports;
    this.#groups.set(groupId, { onMessage, onDropped, snapshots, fetcher });
    return () => {
      this.#groups.delete(groupId);
      fetcher?.stop();
    };
  }

  stop(): void {
    this.#stopped = true;
    this.#snapshotServer.stop();
    for (const { fetcher } of this.#groups.values()) fetcher?.stop();
    for (const link of this.#links.values()) link.stop();
    this.#inbound.end(() => false);
  }

  #connect(id: string): void {
    if (!this.#links.has(id)) this.#links.set(id, createLink(id, this.#linkHost));
  }

  /** A caller that is no member needs a way back only while it calls. */
  #disconnectStranger(id: string): void {
    const isWanted = this.#members?.has(id) === true || this.#inbound.diskOf(id) !== undefined;
    if (isWanted) return;
    this.#links.get(id)?.stop();
    this.#links.delete(id);
    this.#counters.queue.remove({ peer: id });
  }

  #opened(id: string): void {
    this.#connect(id);
    this.#links.get(id)?.connectNow();
  }

  #closed(id: string): void {
    if (this.#stopped) return;
    this.#disconnectStranger(id);
    this.#options.onLost(id);
  }

  #receive(peerId: string, wire: Wire.RaftMessage): void {
    const group = this.#groups.get(wire.groupId);
    if (group === undefined) return this.#refuse(peerId, 'unknown-group');
    if (wire.from !== peerId) return this.#refuse(peerId, 'wrong-sender');
    if (wire.to !== this.#options.id) return this.#refuse(peerId, 'wrong-receiver');
    const decoded = decodeMessage(wire);
    if (!decoded.ok) return this.#refuse(peerId, decoded.error);
    const { message, file } = decoded.value;
    if (message.type === 'propose') this.#links.get(peerId)?.proposes();
    if (message.type !== 'snapshot' || file === undefined) return group.onMessage(message);
    if (group.fetcher !== undefined) return group.fetcher.announced(message, file);
    const { groupId, term } = message;
    const { index } = message.meta;
    const answer = {
      type: 'snapshot-response',
      groupId,
      from: this.#options.id,
      to: peerId,
    } as const;
    this.send([{ ...answer, term, index, arrived: false }]);
  }

  #refuse(
    peerId: string,
    problem:
      WireProblem | 'unknown-group' | 'wrong-sender' | 'wrong-receiver' | 'malformed' | 'oversized',
  ): void {
    this.#counters.refused.inc({ problem });
    this.#options.logger.debug('message refused', { peer: peerId, problem });
  }

  #createLinkHost(): LinkHost {
    return {
      options: this.#options,
      introductions: this.#introductions,
      reports: this.#reports,
      encode: (message) => {
        if (message.type !== 'snapshot') return encodeMessage(message, this.#packer.pack);
        const { snapshots } = this.#groups.get(message.groupId) ?? {};
        const file = snapshots?.describe(message.meta.index);
        return file && encodeMessage(message, this.#packer.pack, file);
      },
      sent: (count) => this.#counters.sent.inc({}, count),
      dropped: (id, messages, reason) => this.#dropped(id, messages, reason),
      waiting: (peer, bytes) => this.#counters.queue.set(bytes, { peer }),
    };
  }

  /** Tells the groups once the caller, who may be in the middle of something, is done. */
  #dropped(peerId: string, messages: readonly Message[], reason: DropReason): void {
    this.#counters.dropped.inc({ reason }, messages.length);
    queueMicrotask(() => {
      if (this.#stopped) return;
      for (const [groupId, { onDropped }] of this.#groups) {
        const own = messages.filter((message) => message.groupId === groupId);
        if (own.length > 0) onDropped?.(peerId, own);
      }
    });
  }
}

function createCounters(metrics: Metrics) {
  return {
    sent: metrics.counter('raft_messages_sent_total', 'Raft messages handed to a stream.'),
    dropped: metrics.counter('raft_messages_dropped_total', 'Raft messages that were not sent.', [
      'reason',
    ]),
    refused: metrics.counter(
      'raft_messages_refused_total',
      'Raft messages that came in and made no sense.',
      ['problem'],
    ),
    queue: metrics.gauge('raft_peer_queue_bytes', 'What waits for a peer to read on.', ['peer']),
  };
}
