/** Chooses the pod for each attempt. */
import { chooseRoute, placeSession, type Placement } from '../core/route.ts';
import type { ClaimReason, Owner, OwnerState } from '../core/types.ts';
import {
  refused,
  type FlatHeaders,
  type OwnerReply,
  type OwnerRequest,
  type Refusal,
} from '../exchange.ts';
import type { Cluster, SessionDirectory, SessionRecord } from '../ports.ts';
import type { AskNode } from './upstream.ts';

/** What the failover keeps of the attempts so far. */
export interface Attempt {
  readonly op: OwnerRequest['op'];
  readonly sessionId: string;
  /** Undefined for `initialize`. */
  readonly record: SessionRecord | undefined;
  readonly avoid: ReadonlySet<string>;
  readonly released: { readonly epoch: number; readonly reason: ClaimReason } | undefined;
  readonly headers: FlatHeaders;
  readonly principal: string;
  readonly body: string;
  readonly parsed?: OwnerRequest['parsed'];
  readonly lastEventId: string | undefined;
}

export type AttemptReply = { readonly node: string | undefined; readonly reply: OwnerReply };
export type TryOnce = (attempt: Attempt, signal: AbortSignal) => Promise<AttemptReply>;

export interface RouteOptions {
  readonly self: Owner;
  readonly cluster: Cluster;
  readonly directory: SessionDirectory;
  /** True while this pod's own MCP server answers and it is not draining. */
  readonly selfReady: () => boolean;
  readonly ask: AskNode;
}

export function createRoute(options: RouteOptions): TryOnce {
  const { self, cluster, directory } = options;
  /** Sessions this front is placing right now: they are not in the directory yet. */
  const placing = new Map<string, number>();

  /** An earlier incarnation of this very pod is gone, whatever the cluster has noticed so far. */
  const stateOf = (owner: Owner): OwnerState => {
    if (owner.node !== self.node) return cluster.ownerState(owner);
    return owner.instance === self.instance ? 'alive' : 'gone';
  };
  const placement = (avoid: ReadonlySet<string>): Placement => {
    const sessions = new Map(directory.counts());
    for (const [node, count] of placing) sessions.set(node, (sessions.get(node) ?? 0) + count);
    const members = cluster
      .members()
      .map((member) =>
        member.node === self.node ? { ...member, ready: options.selfReady() } : member,
      );
    return { self, members, sessions, avoid };
  };
  const place = async (node: string, run: () => Promise<OwnerReply>): Promise<OwnerReply> => {
    placing.set(node, (placing.get(node) ?? 0) + 1);
    try {
      return await run();
    } finally {
      const left = (placing.get(node) ?? 1) - 1;
      if (left === 0) placing.delete(node);
      else placing.set(node, left);
    }
  };

  return async (attempt, signal) => {
    const { record } = attempt;
    const request = (claim?: ClaimReason): OwnerRequest => ({
      op: attempt.op,
      sessionId: attempt.sessionId,
      epoch: record?.epoch ?? 0,
      headers: attempt.headers,
      principal: attempt.principal,
      body: attempt.body,
      ...(attempt.parsed === undefined ? {} : { parsed: attempt.parsed }),
      ...(attempt.lastEventId === undefined ? {} : { lastEventId: attempt.lastEventId }),
      ...(claim === undefined ? {} : { claim }),
    });
    if (record === undefined) {
      const node = placeSession(placement(attempt.avoid));
      if (node === undefined) return { node, reply: nobody() };
      return { node, reply: await place(node, () => options.ask(node, request(), signal)) };
    }
    const route = chooseRoute({
      record,
      self,
      ownerState: stateOf(record.owner),
      placement: placement(attempt.avoid),
      ...(attempt.released === undefined ? {} : { released: attempt.released }),
    });
    if (route.type === 'wait') return { node: undefined, reply: nobody() };
    const { node, claim } = route;
    if (claim !== undefined)
      return { node, reply: await place(node, () => options.ask(node, request(claim), signal)) };
    return { node, reply: await options.ask(node, request(), signal) };
  };
}

const nobody = (): Refusal => refused('backend-down', false, 'no pod can take this session now');
