/**
 * Quotas of the MCP server's own use, at the pod that serves: nothing more is sent to a server which uses more processor or
 * memory than a bulkhead that concerns the request allows. What runs goes on.
 */
import { MCP_ERRORS, parseBody } from '../../mcp/index.ts';
import type { Clock } from '../../std/index.ts';
import type { OwnerRequest, PlainReply } from '../exchange.ts';
import type { BulkheadPolicy, GatewayPolicies } from '../policies.ts';
import type { ServerUsage } from '../ports.ts';
import { concerns, factsOf, requestsOf } from './admitted-requests.ts';
import { UsageGate } from './core/usage-gate.ts';
import type { AdmissionMetrics } from './metrics.ts';
import { reject } from './rejection.ts';

export interface UsageQuotaOptions {
  readonly policies: () => GatewayPolicies;
  readonly usage: ServerUsage;
  readonly clock: Clock;
  readonly metrics: AdmissionMetrics;
}

/** Operations that carry requests of clients. */
const CARRIERS: ReadonlySet<OwnerRequest['op']> = new Set(['initialize', 'post', 'stateless']);
/** Load of this kind does not go away within a second. */
const RETRY_AFTER_MS = 5_000;

/** A server that was asked about for so long without an answer is not to be measured. */
const UNKNOWN_AFTER_MS = 10_000;

export interface UsageQuota {
  /** The answer to what is not admitted now, or undefined. */
  refuse(request: OwnerRequest): PlainReply | undefined;
  /** Whether the server's use can be measured; undefined as long as that is open, or nobody wants to know. */
  known(): boolean | undefined;
}

export function guardUsage(options: UsageQuotaOptions): UsageQuota {
  const { policies, usage, clock, metrics } = options;
  let askedSince: number | undefined;
  let unknown = false;
  const gates = new Map<string, UsageGate>();
  let followed: readonly BulkheadPolicy[] | undefined;
  let quotas: readonly BulkheadPolicy[] = [];
  const current = (): readonly BulkheadPolicy[] => {
    const wanted = policies().bulkheads;
    if (wanted === followed) return quotas;
    followed = wanted;
    quotas = wanted.filter(hasUsageQuota);
    gates.clear();
    for (const { name } of quotas) gates.set(name, new UsageGate());
    return quotas;
  };
  const measure = (): ReturnType<ServerUsage['current']> => {
    const used = usage.current();
    unknown = used === undefined;
    askedSince ??= clock.monotonic();
    if (used === undefined) return undefined;
    metrics.serverCpu.set(used.cpuCores);
    metrics.serverMemory.set(used.memoryBytes);
    return used;
  };
  const refuse = (request: OwnerRequest): PlainReply | undefined => {
    const inForce = current();
    if (inForce.length === 0 || !CARRIERS.has(request.op)) return undefined;
    const used = measure();
    const closed = inForce.filter(({ name, quotas: quota = {} }) =>
      gates.get(name)?.closed(quota, used),
    );
    if (closed.length === 0) return undefined;
    const parsed = request.parsed ?? parse(request.body);
    const requests = requestsOf(parsed === undefined ? {} : { parsed });
    const sender = { tenant: request.tenant ?? '', session: request.sessionId };
    const bulkhead = closed.find(({ match }) =>
      requests.some((message) => concerns(match, factsOf(message, sender))),
    );
    if (bulkhead === undefined) return undefined;
    metrics.rejected.inc({ bulkhead: bulkhead.name, reason: 'usage' });
    return reject(requests, parsed?.batch === true, {
      kind: MCP_ERRORS.serverOverloaded,
      name: bulkhead.name,
      detail: `bulkhead ${bulkhead.name}`,
      retryAfterMs: RETRY_AFTER_MS,
    });
  };
  return {
    refuse,
    known() {
      if (askedSince === undefined) return undefined;
      if (!unknown) return true;
      return clock.monotonic() - askedSince > UNKNOWN_AFTER_MS ? false : undefined;
    },
  };
}

/** True for a bulkhead that needs to know what the server uses. */
export function hasUsageQuota({ quotas }: BulkheadPolicy): boolean {
  return quotas?.cpu !== undefined || quotas?.memoryBytes !== undefined;
}

function parse(body: string): OwnerRequest['parsed'] {
  const parsed = parseBody(body);
  return parsed.ok ? parsed.value : undefined;
}
