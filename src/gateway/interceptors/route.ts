/** Chooses the pod for each attempt. */
import { MCP_ERRORS } from '../../mcp/index.ts';
import { chooseRoute } from '../core/route.ts';
import type { ClaimReason, Owner, OwnerState } from '../core/types.ts';
import {
  refused,
  type FlatHeaders,
  type OwnerReply,
  type OwnerRequest,
  type PlainReply,
  type Refusal,
} from '../exchange.ts';
import type { Balancing } from '../health/balancing.ts';
import { fallbackOf, refuseCall } from '../health/refuse-call.ts';
import { isReadOnly, keyOf, toolOf } from '../health/request-key.ts';
import type { GatewayPolicies } from '../policies.ts';
import type { Cluster, SessionRecord } from '../ports.ts';
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
  readonly tenant: string;
  /** Undefined: as long as it takes. */
  readonly timeoutMs: number | undefined;
  readonly body: string;
  readonly parsed?: OwnerRequest['parsed'];
  readonly lastEventId: string | undefined;
}

export type AttemptReply = { readonly node: string | undefined; readonly reply: OwnerReply };
export type TryOnce = (attempt: Attempt, signal: AbortSignal) => Promise<AttemptReply>;

export interface RouteOptions {
  readonly self: Owner;
  readonly cluster: Cluster;
  readonly balancing: Balancing;
  readonly policies: () => GatewayPolicies;
  readonly ask: AskNode;
}

export function createRoute(options: RouteOptions): TryOnce {
  const { self, cluster, balancing, policies } = options;

  const place = (attempt: Attempt): string | undefined =>
    balancing.place({
      avoid: attempt.avoid,
      forSession: true,
      key: keyOf(policies().loadBalancing, attempt),
    });

  return async (attempt, signal) => {
    const { record, avoid } = attempt;
    if (record === undefined) {
      const node = place(attempt);
      if (node === undefined) return { node, reply: nobody(options, attempt) };
      return { node, reply: await options.ask(node, requestOf(attempt), signal) };
    }
    const route = chooseRoute({
      record,
      self,
      ownerState: ownerStateOf(cluster, record.owner),
      isReady: (node) => !avoid.has(node) && balancing.takesWork(node),
      place: () => place(attempt),
      ...(attempt.released === undefined ? {} : { released: attempt.released }),
    });
    // What has lost its owner and shall end needs no pod that could serve it.
    if (attempt.op === 'delete' && (route.type === 'wait' || route.claim !== undefined)) {
      const reply = await options.ask(self.node, requestOf(attempt, 'owner-gone'), signal);
      return { node: self.node, reply };
    }
    if (route.type === 'wait') return { node: undefined, reply: nobody(options, attempt) };
    const { node, claim } = route;
    const served =
      claim === undefined ? await moveOrRefuse(options, node, attempt, signal) : undefined;
    if (served !== undefined) return { node, reply: served };
    return { node, reply: await options.ask(node, requestOf(attempt, claim), signal) };
  };
}

/** An earlier incarnation of this very pod is gone, whatever the cluster has noticed so far. */
export function ownerStateOf(
  cluster: Pick<Cluster, 'self' | 'ownerState'>,
  owner: Owner,
): OwnerState {
  if (owner.node !== cluster.self.node) return cluster.ownerState(owner);
  return owner.instance === cluster.self.instance ? 'alive' : 'gone';
}

function requestOf(attempt: Attempt, claim?: ClaimReason): OwnerRequest {
  const { op, sessionId, headers, principal, tenant, body } = attempt;
  const { timeoutMs, parsed, lastEventId } = attempt;
  const epoch = attempt.record?.epoch ?? 0;
  type Writable = { -readonly [Field in keyof OwnerRequest]: OwnerRequest[Field] };
  const request: Writable = { op, sessionId, epoch, headers, principal, tenant, body };
  if (timeoutMs !== undefined) request.timeoutMs = timeoutMs;
  if (parsed !== undefined) request.parsed = parsed;
  if (lastEventId !== undefined) request.lastEventId = lastEventId;
  if (claim !== undefined) request.claim = claim;
  return request;
}

/**
 * The pod has the session, but the call cannot be served there: its breaker is open, or it lacks what the tool needs. Then the
 * session moves to a pod that has it, and the next attempt finds it there.
 */
async function moveOrRefuse(
  { balancing, policies, ask }: RouteOptions,
  node: string,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<OwnerReply | undefined> {
  const { op, parsed } = attempt;
  if (op !== 'post' || parsed?.messages.some(({ kind }) => kind === 'request') !== true)
    return undefined;
  const tool = toolOf(parsed);
  const requires = balancing.lacks(node, tool);
  if (requires.length > 0) {
    const target = capablePod(balancing, tool, new Set([...attempt.avoid, node]));
    if (target === undefined)
      return refuseCall({ error: MCP_ERRORS.noCapablePod, requires }, { parsed });
    const reply = await ask(node, { ...requestOf(attempt), op: 'move', body: target }, signal);
    if (reply.type !== 'plain') return reply;
    if (reply.status === 200) return refused('not-owner', false, 'the session has moved');
    return refuseCall({ error: MCP_ERRORS.unavailable }, { parsed });
  }
  if (balancing.admits(node, tool, isReadOnly(parsed)) === 'yes') return undefined;
  const nowhere = {
    error: MCP_ERRORS.circuitOpen,
    retryAfterMs: balancing.retryAfterMs(node, tool),
  };
  return refuseCall(nowhere, { parsed, ...fallbackOf(policies()) });
}

/** One that has everything some pod offers, so that the session can stay there; else one that has what this tool needs. */
function capablePod(
  balancing: Balancing,
  tool: string | undefined,
  avoid: ReadonlySet<string>,
): string | undefined {
  const best = balancing.place({ forSession: true, avoid });
  if (best !== undefined && balancing.lacks(best, tool).length === 0) return best;
  return balancing.place({ tool, avoid });
}

/** Nobody takes the session: what only time mends is tried again, an open breaker is told. */
function nobody({ balancing }: RouteOptions, attempt: Attempt): Refusal | PlainReply {
  const why = balancing.whyNot({ avoid: attempt.avoid });
  if (why.error === MCP_ERRORS.unavailable || attempt.parsed === undefined)
    return refused('backend-down', false, 'no pod can take this session now');
  return refuseCall(why, { parsed: attempt.parsed });
}
