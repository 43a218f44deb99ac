/** The last step: the pod that was chosen serves the request, this one in process, another through its peer port. */
import { refused, type OwnerReply, type OwnerRequest, type ServeOwner } from '../exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { PeerClient } from '../peer/peer-client.ts';
import type { Cluster, Owner } from '../ports.ts';

/** Asks one pod. Never rejects. */
export type AskNode = (
  node: string,
  request: OwnerRequest,
  signal: AbortSignal,
) => Promise<OwnerReply>;

export interface AskNodeOptions {
  readonly self: Owner;
  readonly cluster: Cluster;
  readonly serveHere: ServeOwner;
  readonly peers: PeerClient;
  readonly metrics: GatewayMetrics;
}

export function createAskNode(options: AskNodeOptions): AskNode {
  const { self, cluster, peers, metrics } = options;
  return async (node, request, signal) => {
    if (node === self.node) return options.serveHere(request, signal);
    const member = cluster.members().find((other) => other.node === node);
    if (member === undefined) return refused('unreachable', false, `${node} is not a member`);
    metrics.forwarded.inc();
    return peers.ask(member, request, signal);
  };
}
