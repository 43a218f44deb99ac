/** Keep-alives over gRPC: the service the leader answers, and the way of everybody else to it. */
import {
  createChannel,
  services,
  type ChannelOptions,
  type RpcChannel,
  type RpcServer,
} from '../rpc/index.ts';
import type { Clock, Random } from '../std/index.ts';
import type { KeepAliveAnswer, LeaderLink } from './ports.ts';
import type { StoreNode } from './store.ts';

/** One attempt; the caller asks again, perhaps somebody else. */
const ATTEMPT_TIMEOUT_MS = 500;

export interface LeaderLinkOptions {
  /** Where the members are, and the name in their certificate; asked again at each connection attempt. */
  readonly peers: {
    resolve(id: string): Promise<{ host: string; port: number }>;
    serverName(id: string): string;
  };
  readonly tls: ChannelOptions['tls'];
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** Connections are made when somebody leads and kept; there are as many as there are voters at most. */
export function createLeaderLink(options: LeaderLinkOptions): LeaderLink & { stop(): void } {
  const { peers, ...rest } = options;
  const channels = new Map<string, RpcChannel>();
  const channelTo = (id: string): RpcChannel => {
    const known = channels.get(id);
    if (known !== undefined) return known;
    const channel = createChannel({
      ...rest,
      resolve: () => peers.resolve(id),
      serverName: peers.serverName(id),
    });
    channels.set(id, channel);
    return channel;
  };
  return {
    async keepAlive(leaderId, lease, signal) {
      const { status, ttlMs } = await channelTo(leaderId)
        .client(services.lease)
        .keepAlive({ lease }, { timeoutMs: ATTEMPT_TIMEOUT_MS, signal });
      return answerOf(status, ttlMs);
    },
    stop() {
      for (const channel of channels.values()) channel.close();
      channels.clear();
    },
  };
}

function answerOf(status: string, ttlMs: number): KeepAliveAnswer {
  if (status === 'renewed') return { status, ttlMs };
  return { status: status === 'lease-not-found' ? status : 'not-leader' };
}

/** Adds the lease service; call it before the server listens. */
export function serveLeases(
  server: Pick<RpcServer, 'addService'>,
  store: Pick<StoreNode, 'serveKeepAlive'>,
): void {
  server.addService(services.lease, {
    async keepAlive({ lease }, { signal }) {
      const answer = await store.serveKeepAlive(lease, signal);
      return { status: answer.status, ttlMs: answer.status === 'renewed' ? answer.ttlMs : 0 };
    },
  });
}
