/**
 * What in the policies of admission cannot work as written although each field is well-formed. Nothing here is refused: the
 * rest of the policies is in force, and whoever operates the cluster is told.
 */
import { methodLabel } from '../../mcp/index.ts';
import type {
  BulkheadPolicy,
  GatewayPolicies,
  RateLimitPolicy,
  RequestMatch,
} from '../policies.ts';
import { hasUsageQuota } from './usage-quota.ts';

export interface PolicyProblem {
  /** Where it is, as in the policies themselves. */
  readonly field: string;
  readonly sentence: string;
}

/** `usageKnown`: what the MCP server uses can be measured; undefined while that is not known. */
export function describeProblems(
  policies: GatewayPolicies,
  usageKnown?: boolean,
): readonly PolicyProblem[] {
  const { bulkheads, rateLimits, requestTimeoutMs } = policies;
  return [
    ...bulkheads.flatMap((bulkhead, index) => {
      const field = `bulkheads[${index}]`;
      return [
        ...problemsOfMatch(`${field}.match`, bulkhead.match),
        ...problemsOfBulkhead(field, bulkhead, { requestTimeoutMs, usageKnown }),
      ];
    }),
    ...rateLimits.flatMap((limit, index) => {
      const field = `rateLimits[${index}]`;
      return [...problemsOfMatch(`${field}.match`, limit.match), ...problemsOfRate(field, limit)];
    }),
  ];
}

function problemsOfMatch(field: string, { methods, tools }: RequestMatch): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  for (const [index, method] of (methods ?? []).entries()) {
    const at = `${field}.methods[${index}]`;
    if (method.startsWith('notifications/'))
      problems.push({
        field: at,
        sentence: `${method} is a notification: those are never held back`,
      });
    else if (methodLabel(method) === 'other')
      problems.push({ field: at, sentence: `no revision of the protocol has a method ${method}` });
  }
  if (tools !== undefined && methods !== undefined && !methods.includes('tools/call'))
    problems.push({ field, sentence: 'only tools/call has tools, and methods leaves it out' });
  for (const list of [methods, tools])
    if (list?.length === 0) problems.push({ field, sentence: 'an empty list matches nothing' });
  return problems;
}

function problemsOfBulkhead(
  field: string,
  policy: BulkheadPolicy,
  facts: { readonly requestTimeoutMs: number; readonly usageKnown: boolean | undefined },
): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const { maxConcurrent, maxQueue, maxWaitMs, quotas } = policy;
  if (maxConcurrent < 1)
    problems.push({ field: `${field}.maxConcurrent`, sentence: 'nobody can ever get in' });
  if (maxQueue > 0 && maxWaitMs <= 0)
    problems.push({ field: `${field}.maxWait`, sentence: 'whoever waits must leave at once' });
  if (maxQueue > 0 && maxWaitMs >= facts.requestTimeoutMs)
    problems.push({
      field: `${field}.maxWait`,
      sentence: `a request may take only ${facts.requestTimeoutMs} ms, waiting included`,
    });
  if (quotas?.bytesPerSecond !== undefined && quotas.bytesPerSecond <= 0)
    problems.push({ field: `${field}.quotas.bytesPerSecond`, sentence: 'no answer can ever end' });
  if (hasUsageQuota(policy) && facts.usageKnown === false)
    problems.push({
      field: `${field}.quotas`,
      sentence:
        "what the server uses cannot be measured: its processes must be visible (shareProcessNamespace) and run as the sidecar's user",
    });
  return problems;
}

function problemsOfRate(field: string, limit: RateLimitPolicy): PolicyProblem[] {
  if (limit.requests > 0 && limit.burst >= 1 && limit.intervalMs > 0) return [];
  return [{ field, sentence: 'requests, interval and burst must be above 0, or nothing passes' }];
}
