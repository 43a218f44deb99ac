/** What the transport needs to know: the peers, how to reach them, and who is told what comes in. */
import type { Clock, Random } from '../std/index.ts';
import type { ChannelOptions, RpcServer } from '../rpc/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import type { Message } from './core/index.ts';

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
  readonly tls: ChannelOptions['tls'];
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
