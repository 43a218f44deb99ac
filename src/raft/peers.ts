/** What the transport needs to know: the peers, how to reach them, who is told what comes in, and where snapshots are. */
import type { Clock, Random } from '../std/index.ts';
import type { ChannelOptions, RpcServer } from '../rpc/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import type { SnapshotInfo } from './codec.ts';
import type { Message, SnapshotMeta } from './core/index.ts';
import type { RefusalCode } from './refusals.ts';

/** Where the peers are, and the name in their certificate. */
export interface PeerDirectory {
  /** Asked again at each connection attempt. */
  resolve(id: string): Promise<{ host: string; port: number }>;
  serverName(id: string): string;
}

/** Which disk each member had when it was first met: a member without its data must not come back under its old id. */
export interface KnownDisk {
  get(id: string): string | undefined;
  set(id: string, diskId: string): void;
  forget(id: string): void;
}

/** A snapshot that is to be received. */
export interface SnapshotHeader extends SnapshotInfo {
  readonly meta: SnapshotMeta;
}

/** A file that is being received. */
export interface SnapshotReceiver {
  /** So many bytes are there already, of an earlier attempt. */
  readonly offset: number;
  add(chunk: Uint8Array): void | Promise<void>;
  /** Rejects when the bytes do not have the hash that was announced. */
  finish(): Promise<unknown>;
  /** Gives up for now; an attempt with the same header may go on from here. */
  abort(): void | Promise<void>;
}

/** The snapshots of this member's storage. */
export interface SnapshotPort {
  describe(index: number): SnapshotInfo | undefined;
  /** The bytes of a snapshot from `offset` on. */
  read(index: number, offset: number): AsyncIterable<Uint8Array>;
  receive(header: SnapshotHeader): Promise<SnapshotReceiver>;
}

/** What one group of a shared transport is told. Nothing here is called from within `send`. */
export interface GroupPorts {
  readonly onMessage: (message: Message) => void;
  /**
   * These messages to a peer were not sent and will not be: no stream, or the peer does not read. An append among them means
   * that the leader has to probe again, a proposal was provably not made, a snapshot is not on its way.
   */
  readonly onDropped?: ((peerId: string, messages: readonly Message[]) => void) | undefined;
  /** Without it no snapshot is sent or received. */
  readonly snapshots?: SnapshotPort | undefined;
}

export interface TransportOptions extends GroupPorts {
  readonly id: string;
  /** Random per process. */
  readonly instance: string;
  readonly clusterId: string;
  /** The group that the ports above belong to; `addGroup` adds others. Default `main`. */
  readonly groupId?: string;
  /** Identity of the data folder; asked only after the first `setPeers`. */
  readonly diskId: () => string;
  readonly knownDisk: KnownDisk;
  readonly peers: PeerDirectory;
  readonly rpcServer: Pick<RpcServer, 'addService'>;
  readonly tls: ChannelOptions['tls'];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Limit on what is sent of snapshots to all peers together; default 32 MiB/s. */
  readonly snapshotBytesPerSecond?: number;
  /** The stream to or from a peer broke, or its address refused: what was under way may be lost. */
  readonly onLost: (peerId: string) => void;
  /** Messages can be sent to a peer again: its stream is open, or its queue is no longer full. */
  readonly onOpen: (peerId: string) => void;
  /** What a peer made of this member's greeting: why it refused, or undefined when it did not. */
  readonly onJudged?: (peerId: string, refusal: RefusalCode | undefined) => void;
}
