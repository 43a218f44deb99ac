/** The last step: the pod that was chosen serves the request, this one in process, another through its peer port. */
import {
  refused,
  StreamInterrupted,
  type OwnerReply,
  type OwnerRequest,
  type ServeOwner,
} from '../exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { PeerClient } from '../peer/peer-client.ts';
import type { Cluster, Member, Owner } from '../ports.ts';

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
  const { self, cluster, metrics } = options;
  return async (node, request, signal) => {
    if (node === self.node) return options.serveHere(request, signal);
    const member = cluster.members().find((other) => other.node === node);
    if (member === undefined) return refused('unreachable', false, `${node} is not a member`);
    metrics.forwarded.inc();
    return askPeer(options, member, request, signal);
  };
}

/** Asks until the answer is complete or the cluster declares that very incarnation gone, whichever comes first. */
async function askPeer(
  { cluster, peers }: AskNodeOptions,
  member: Member,
  request: OwnerRequest,
  signal: AbortSignal,
): Promise<OwnerReply> {
  const gone = new AbortController();
  const stopWatching = cluster.onChange(() => {
    if (cluster.ownerState(member) === 'gone') gone.abort(new StreamInterrupted('unreachable'));
  });
  // A stream that nobody begins to read must not be watched for ever.
  signal.addEventListener('abort', stopWatching, { once: true });
  const reply = await peers.ask(member, request, AbortSignal.any([signal, gone.signal]));
  if (reply.type === 'stream') return { ...reply, events: endWith(reply.events, stopWatching) };
  if (reply.type === 'body') return { ...reply, chunks: endWith(reply.chunks, stopWatching) };
  stopWatching();
  return reply;
}

async function* endWith<T>(items: AsyncIterable<T>, done: () => void): AsyncGenerator<T> {
  try {
    yield* items;
  } finally {
    done();
  }
}
