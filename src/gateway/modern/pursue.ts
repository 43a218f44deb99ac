/** One stateless request over all its attempts: chooses a pod, asks it, and repeats elsewhere what may be repeated. */
import {
  errorText,
  MCP_ERRORS,
  mcpError,
  type McpError,
  type ParsedBody,
} from '../../mcp/index.ts';
import { createBackoff, delay, withinTime, type Clock, type Random } from '../../std/index.ts';
import type { ResolvedTiming } from '../config.ts';
import { refusalTraits } from '../core/refusal.ts';
import type { GatewayEvents } from '../events.ts';
import {
  plain,
  requestIdOf,
  type Exchange,
  type FlatHeaders,
  type OwnerReply,
  type PlainReply,
  type Refusal,
  type Reply,
} from '../exchange.ts';
import type { Balancing } from '../health/balancing.ts';
import { fallbackOf, refuseCall } from '../health/refuse-call.ts';
import { isReadOnly } from '../health/request-key.ts';
import { waitForRetry } from '../health/retry-permit.ts';
import { unsupportedByLegacy } from '../interceptors/parse.ts';
import type { AskNode } from '../interceptors/upstream.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { GatewayPolicies } from '../policies.ts';
import type { Cluster, Placements } from '../ports.ts';
import { isRepeatable } from '../repeat.ts';
import { HANDLE_TTL_MS, ownerOf, type Named } from './affinity.ts';
import { mapReply, withNewId, type MappedId } from './map-id.ts';

export interface StatelessOptions {
  readonly cluster: Cluster;
  readonly balancing: Pick<Balancing, 'place' | 'whyNot' | 'admits' | 'retryAfterMs' | 'budget'>;
  readonly placements: Placements;
  readonly policies: () => GatewayPolicies;
  readonly ask: AskNode;
  /** Tools that may be repeated, as this pod's own server says. */
  readonly repeatableTools: () => readonly string[];
  readonly timing: ResolvedTiming;
  readonly metrics: GatewayMetrics;
  readonly events: GatewayEvents;
  readonly clock: Clock;
  readonly random: Random;
}

/** One request over all its attempts. */
export interface Errand {
  readonly exchange: Exchange;
  readonly parsed: ParsedBody;
  readonly headers: FlatHeaders;
  readonly tool: string | undefined;
  readonly key: string | undefined;
  readonly named: Named | undefined;
  /** Pods that just refused. */
  readonly avoid: Set<string>;
  /** Whether anybody refused for another reason than the era since everybody was asked anew. */
  onlyWrongEra: boolean;
  /** The pod that holds what the request names, while it lives. */
  holder: string | undefined;
  /** What it names turned out to be another principal's after the request had passed for the first to name it. */
  foreign: boolean;
  /** Who was asked last. */
  node: string | undefined;
  attempts: number;
  /** Set from the first repetition on: the request goes upstream under another id. */
  mapped: MappedId | undefined;
  /** Gives the place among the retries back. */
  release: (() => void) | undefined;
}

/** Attempts until there is an answer; after the failover time that answer is an error. Rejects only for a client that left. */
export async function pursue(options: StatelessOptions, errand: Errand): Promise<Reply> {
  const { clock, timing } = options;
  const { signal } = errand.exchange;
  const deadline = clock.monotonic() + timing.failoverMs;
  const backoff = createBackoff({ initialMs: 10, maxMs: 250 }, options.random);
  try {
    for (;;) {
      signal.throwIfAborted();
      if (errand.mapped !== undefined) errand.release ??= await permit(options, deadline, signal);
      if (errand.mapped !== undefined && errand.release === undefined)
        return unavailable(options, errand);
      errand.node = await choose(options, errand);
      if (errand.foreign) return unavailable(options, errand);
      const open = refuseAtHolder(options, errand);
      if (open !== undefined) return open;
      const reply =
        errand.node === undefined ? undefined : await attempt(options, errand, errand.node);
      signal.throwIfAborted();
      if (reply !== undefined && reply.type !== 'refused') return reply;
      const verdict = afterRefusal(options, errand, reply);
      if (verdict !== undefined) return verdict;
      if (clock.monotonic() > deadline) return unavailable(options, errand);
      const wait = reply === undefined || refusalTraits(reply.code).wait || errand.attempts > 2;
      if (wait) await delay(clock, backoff.next(), signal);
    }
  } finally {
    errand.release?.();
    errand.release = undefined;
  }
}

/** The pod that holds what the request names, or the one that the balancer picks. */
async function choose(options: StatelessOptions, errand: Errand): Promise<string | undefined> {
  const { clock, cluster, balancing, placements, timing } = options;
  const { named, holder, avoid, tool, key } = errand;
  const lives = (node: string): boolean => cluster.members().some((each) => each.node === node);
  if (holder !== undefined && lives(holder) && !avoid.has(holder)) return holder;
  const picked = balancing.place({ tool, key, avoid });
  if (picked === undefined || named?.type !== 'handle') return picked;
  // Of the fronts that meet a handle for the first time, or after its pod died, one decides for all.
  const ttl = { ttlMs: HANDLE_TTL_MS, ...(holder === undefined ? {} : { replaces: holder }) };
  const place = { node: picked, ...ownerOf(errand.exchange.principal.id) };
  const agreed = await withinTime(clock, timing.commitMs, (limit) =>
    placements.place(named.key, place, ttl, limit),
  ).catch(() => place);
  // Another principal named it a moment earlier: nobody serves this request, and the client's next one is told apart.
  if (agreed.owner !== place.owner && place.owner !== undefined) errand.foreign = true;
  if (errand.foreign) return undefined;
  errand.holder = agreed.node;
  return avoid.has(agreed.node) || !lives(agreed.node) ? picked : agreed.node;
}

/** What the request names is at one pod only, and that one's breaker is open. */
function refuseAtHolder(
  { balancing, policies }: StatelessOptions,
  { node, holder, tool, parsed }: Errand,
): PlainReply | undefined {
  if (node === undefined || node !== holder) return undefined;
  if (balancing.admits(node, tool, isReadOnly(parsed)) === 'yes') return undefined;
  const retryAfterMs = balancing.retryAfterMs(node, tool);
  const why = { error: MCP_ERRORS.circuitOpen, retryAfterMs };
  return refuseCall(why, { parsed, era: 'modern', ...fallbackOf(policies()) });
}

async function attempt(
  options: StatelessOptions,
  errand: Errand,
  node: string,
): Promise<OwnerReply> {
  const { exchange, parsed, headers, mapped } = errand;
  errand.attempts += 1;
  if (errand.attempts > 1) options.metrics.retries.inc();
  const reply = await options.ask(
    node,
    {
      op: 'stateless',
      sessionId: '',
      epoch: 0,
      headers,
      body: mapped?.body ?? exchange.body,
      ...(mapped === undefined ? { parsed } : {}),
      tenant: exchange.principal.tenant,
      principal: exchange.principal.id,
      ...(node === errand.holder ? { placed: true } : {}),
    },
    exchange.signal,
  );
  return mapped === undefined || reply.type === 'refused' ? reply : mapReply(reply, mapped);
}

/** Decides after a refusal: an answer for the client, or undefined for another attempt with what was learnt. */
export function afterRefusal(
  options: StatelessOptions,
  errand: Errand,
  refusal: Refusal | undefined,
): PlainReply | undefined {
  const { exchange, avoid, tool, node } = errand;
  if (node === undefined || refusal === undefined) {
    if (avoid.size > 0 && errand.onlyWrongEra)
      return problem(exchange, unsupportedByLegacy(exchange.requestedVersion ?? ''));
    const why = options.balancing.whyNot({ tool, avoid });
    // Everybody refused once: everybody may be asked again.
    const again = avoid.size > 0;
    avoid.clear();
    errand.onlyWrongEra = true;
    if (again || why.error === MCP_ERRORS.unavailable) return undefined;
    if (requestIdOf(exchange) === null) return problem(exchange, mcpError(why.error));
    const fallback = fallbackOf(options.policies());
    return refuseCall(why, { parsed: errand.parsed, era: 'modern', ...fallback });
  }
  if (!mayStillHold(errand, refusal)) avoid.add(node);
  if (refusal.code !== 'wrong-era') errand.onlyWrongEra = false;
  if (refusal.proof === true) options.cluster.reportRefused(node);
  if (!refusal.sent) return undefined;
  return judge(options, errand, refusal);
}

/**
 * True when what the request names is still at the pod that refused, as far as anybody can know. Another pod would deny that
 * it exists. A handle's state goes with its server; a task may lie on the pod's volume.
 */
function mayStillHold({ node, holder, named }: Errand, { code, proof }: Refusal): boolean {
  if (node !== holder || proof === true) return false;
  return named?.type === 'task' || code === 'unreachable';
}

/** A place among the retries: a request that may have been sent is repeated only while few others are. */
const permit = (
  { balancing, clock, random }: StatelessOptions,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<(() => void) | undefined> =>
  waitForRetry({ budget: balancing.budget, clock, random }, deadlineMs, signal);

/** A request that the server may have seen is repeated only if that does no harm. */
function judge(
  options: StatelessOptions,
  errand: Errand,
  refusal: Refusal,
): PlainReply | undefined {
  const { exchange, parsed } = errand;
  const fact = { id: '', method: exchange.label, reason: refusal.code };
  if (isRepeatable(parsed, options.repeatableTools())) {
    options.events.emit({ type: 'request-retried', ...fact });
    errand.mapped = withNewId(exchange.body, options.random);
    return undefined;
  }
  options.metrics.lost.inc();
  options.events.emit({ type: 'request-failed', ...fact });
  return problem(exchange, mcpError(MCP_ERRORS.interrupted));
}

/**
 * Time is over. A request gets its answer as JSON-RPC; the version probe gets HTTP, as any answer in JSON-RPC would tell the
 * client for good that there is no stateless server.
 */
function unavailable({ metrics }: StatelessOptions, { exchange }: Errand): PlainReply {
  metrics.lost.inc();
  const error = mcpError(MCP_ERRORS.unavailable);
  const id = requestIdOf(exchange);
  const status = id === null || exchange.label === 'server/discover' ? 503 : 200;
  return plain(status, errorText(error, id), status === 503 ? { 'retry-after': '1' } : {});
}

export function problem(exchange: Exchange, error: McpError, retryAfterMs?: number): PlainReply {
  const retry = retryAfterMs ?? (error.kind.status === 503 ? 1_000 : undefined);
  const headers: FlatHeaders =
    retry === undefined ? {} : { 'retry-after': String(Math.ceil(retry / 1_000)) };
  return plain(error.kind.status, errorText(error, requestIdOf(exchange)), headers);
}
