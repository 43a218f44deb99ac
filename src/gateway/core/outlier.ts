/**
 * Passive outlier ejection by Envoy's rules: a pod that fails more than the others gets no new work for a while, the longer the
 * more often. Differences: at least one pod may be ejected whatever `maxEjectionPercent` says (Envoy's default for most of its
 * life: with three pods its 10 % would mean none), and the failure percentage counts with the hosts and the volume of the
 * success rate.
 */

export interface OutlierRules {
  readonly enabled: boolean;
  readonly consecutiveErrors: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxEjectionPercent: number;
  readonly successRateMinimumHosts: number;
  readonly successRateRequestVolume: number;
  readonly successRateStdevFactor: number;
  readonly failurePercentageThreshold: number;
}

export type EjectionReason = 'consecutive-errors' | 'success-rate' | 'failure-percentage';

export interface Ejection {
  readonly node: string;
  readonly reason: EjectionReason;
  readonly untilMs: number;
}

export type OutlierChange =
  ({ readonly type: 'ejected' } & Ejection) | { readonly type: 'returned'; readonly node: string };

export interface OutlierDetector {
  /** Takes in one answer; an ejection when it was one error too many in a row. */
  record(node: string, ok: boolean, nowMs: number): readonly OutlierChange[];
  /** The look at all pods at each interval: returns pods, ejects those that differ, and forgets who is not in `nodes`. */
  sweep(nodes: ReadonlySet<string>, nowMs: number): readonly OutlierChange[];
  /** The pod's own probes say that it is well again, or it is another process: its errors count no more. */
  pardon(node: string): readonly OutlierChange[];
  readonly ejected: ReadonlyMap<string, Ejection>;
}

interface Host {
  errorsInARow: number;
  /** Of this interval. */
  requests: number;
  successes: number;
  /** How often it was ejected, less the intervals it has been well since. */
  ejections: number;
}

/** `rules` is read at each use. */
export function createOutlierDetector(rules: () => OutlierRules): OutlierDetector {
  const hosts = new Map<string, Host>();
  const ejected = new Map<string, Ejection>();

  const hostOf = (node: string): Host => {
    const known = hosts.get(node);
    if (known !== undefined) return known;
    const host = { errorsInARow: 0, requests: 0, successes: 0, ejections: 0 };
    hosts.set(node, host);
    return host;
  };
  const eject = (node: string, reason: EjectionReason, nowMs: number): OutlierChange[] => {
    const { maxEjectionPercent, baseEjectionMs, maxEjectionMs } = rules();
    const percent = (100 * (ejected.size + 1)) / hosts.size;
    if (ejected.has(node) || (ejected.size > 0 && percent > maxEjectionPercent)) return [];
    const host = hostOf(node);
    host.ejections += 1;
    host.errorsInARow = 0;
    const lengthMs = Math.min(
      baseEjectionMs * host.ejections,
      Math.max(baseEjectionMs, maxEjectionMs),
    );
    const ejection = { node, reason, untilMs: nowMs + lengthMs };
    ejected.set(node, ejection);
    return [{ type: 'ejected', ...ejection }];
  };

  return {
    ejected,
    record(node, ok, nowMs) {
      const host = hostOf(node);
      host.requests += 1;
      host.successes += ok ? 1 : 0;
      host.errorsInARow = ok ? 0 : host.errorsInARow + 1;
      const { enabled, consecutiveErrors } = rules();
      if (!enabled || host.errorsInARow < consecutiveErrors) return [];
      return eject(node, 'consecutive-errors', nowMs);
    },
    pardon(node) {
      const host = hosts.get(node);
      if (host !== undefined) host.errorsInARow = host.requests = host.successes = 0;
      return ejected.delete(node) ? [{ type: 'returned', node }] : [];
    },
    sweep(nodes, nowMs) {
      for (const node of hosts.keys()) if (!nodes.has(node)) hosts.delete(node);
      for (const node of nodes) hostOf(node);
      const changes: OutlierChange[] = [];
      for (const { node, untilMs } of [...ejected.values()]) {
        if (nodes.has(node) && nowMs < untilMs && rules().enabled) continue;
        ejected.delete(node);
        changes.push({ type: 'returned', node });
      }
      const returned = new Set(changes.map(({ node }) => node));
      for (const [node, host] of hosts)
        if (!ejected.has(node) && !returned.has(node))
          host.ejections = Math.max(0, host.ejections - 1);
      if (rules().enabled)
        for (const [node, reason] of findOutliers(hosts, rules()))
          if (!returned.has(node)) changes.push(...eject(node, reason, nowMs));
      for (const host of hosts.values()) host.requests = host.successes = 0;
      return changes;
    },
  };
}

/** Who fails more than the mean less so many standard deviations allows, or more than the fixed share. */
function findOutliers(
  hosts: ReadonlyMap<string, Host>,
  rules: OutlierRules,
): [string, EjectionReason][] {
  const judged = [...hosts]
    .filter(([, { requests }]) => requests >= Math.max(1, rules.successRateRequestVolume))
    .map(([node, { requests, successes }]) => ({ node, rate: (100 * successes) / requests }));
  if (judged.length < Math.max(1, rules.successRateMinimumHosts)) return [];
  const mean = judged.reduce((sum, { rate }) => sum + rate, 0) / judged.length;
  const variance = judged.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / judged.length;
  const limit = mean - rules.successRateStdevFactor * Math.sqrt(variance);
  return judged.flatMap(({ node, rate }): [string, EjectionReason][] => {
    if (rate < limit) return [[node, 'success-rate']];
    return 100 - rate >= rules.failurePercentageThreshold ? [[node, 'failure-percentage']] : [];
  });
}
