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
  const { self, cluster, metrics, peers } = options;
  /** Requests under way at other pods; as many as clients may have at this one. */
  const asked = new Set<Asked>();
  let byNode: ReadonlyMap<string, Member> | undefined;
  // One look at the cluster for all requests, and none for a request: most changes end nothing.
  cluster.onChange(() => {
    byNode = undefined;
    for (const one of asked)
      if (cluster.ownerState(one.member) === 'gone') one.end(new StreamInterrupted('unreachable'));
  });
  const memberOf = (node: string): Member | undefined => {
    byNode ??= new Map(cluster.members().map((member) => [member.node, member]));
    return byNode.get(node);
  };
  return (node, request, signal) => {
    if (node === self.node) return options.serveHere(request, signal);
    const member = memberOf(node);
    if (member === undefined)
      return Promise.resolve(refused('unreachable', false, `${node} is not a member`));
    metrics.forwarded.inc();
    return askPeer(peers, request, new Asked(member, signal, asked));
  };
}

/** A request under way at another pod, which ends with its client or with that very incarnation of the pod. */
class Asked {
  readonly member: Member;
  readonly #client: AbortSignal;
  readonly #all: Set<Asked>;
  readonly #ends = new AbortController();

  constructor(member: Member, client: AbortSignal, all: Set<Asked>) {
    this.member = member;
    this.#client = client;
    this.#all = all;
    all.add(this);
    client.addEventListener('abort', this, { once: true });
    if (client.aborted) this.handleEvent();
  }

  get signal(): AbortSignal {
    return this.#ends.signal;
  }

  /** The client left: a stream that nobody begins to read is not watched for ever. */
  handleEvent(): void {
    this.end(this.#client.reason);
  }

  end(reason: unknown): void {
    this.over();
    this.#ends.abort(reason);
  }

  /** The answer is complete. */
  over(): void {
    this.#all.delete(this);
    this.#client.removeEventListener('abort', this);
  }
}

async function askPeer(
  peers: PeerClient,
  request: OwnerRequest,
  asked: Asked,
): Promise<OwnerReply> {
  const over = (): void => asked.over();
  const reply = await peers.ask(asked.member, request, asked.signal);
  if (reply.type === 'stream') return { ...reply, events: endWith(reply.events, over) };
  if (reply.type === 'body') return { ...reply, chunks: endWith(reply.chunks, over) };
  over();
  return reply;
}

async function* endWith<T>(items: AsyncIterable<T>, done: () => void): AsyncGenerator<T> {
  try {
    yield* items;
  } finally {
    done();
  }
}
