/**
 * Where new work goes: the pods that are ready and well, the strategy of the resource among them, and what every answer teaches
 * about them. Made once per front; everything is decided from memory.
 */
import { MCP_ERRORS, type McpErrorKind } from '../../mcp/index.ts';
import type { Random } from '../../std/index.ts';
import { hasAll } from '../core/capability.ts';
import type { Ejection } from '../core/outlier.ts';
import { createRetryBudget, type RetryBudget } from '../core/retry-budget.ts';
import type { GatewayEvents } from '../events.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { namesTool, type GatewayPolicies, type LoadBalancingPolicy } from '../policies.ts';
import { createBreakers, type Breakers, type OpenBreaker } from './breakers.ts';
import { createOutliers, type Outliers } from './outliers.ts';
import { createPool, type Pool, type PoolOptions } from './pool.ts';

export interface PlaceRequest {
  /** The tool that is called; a new session may call every one. */
  readonly tool?: string | undefined;
  readonly forSession?: boolean;
  /** What a consistent hash keeps together; see `keyOf`. */
  readonly key?: string | undefined;
  readonly avoid: ReadonlySet<string>;
}

/** Why nobody was found. */
export interface Nowhere {
  readonly error: McpErrorKind;
  readonly retryAfterMs?: number;
  /** Labels that no pod has. */
  readonly requires?: readonly string[];
}

/** `none`: the request ended and says nothing of the pod's health. */
export type Outcome = 'ok' | 'error' | 'none';

export interface Balancing {
  /** The pod for a new session, a move, or a request without a session; undefined when nobody can take it. */
  place(request: PlaceRequest): string | undefined;
  /** Why `place` found nobody. */
  whyNot(request: Pick<PlaceRequest, 'tool' | 'avoid'>): Nowhere;
  /** True for a pod that is alive, answers, and is not draining, whatever else is thought of it. */
  takesWork(node: string): boolean;
  /** Labels that the tool needs and the pod does not have. */
  lacks(node: string, tool: string | undefined): readonly string[];
  /** A request goes to the pod; tell how it ended. */
  began(node: string, tool?: string): { ended(outcome: Outcome, latencyMs: number): void };
  /** `open`: the breaker of the pod or the tool refuses; half-open, only what may be repeated is let through. */
  admits(node: string, tool?: string, repeatable?: boolean): 'yes' | 'open';
  /** How long a breaker that refuses will do so for certain. */
  retryAfterMs(node: string, tool?: string): number;
  readonly budget: RetryBudget;
  status(): BalancingStatus;
  start(): void;
  stop(): void;
}

export interface BalancingStatus {
  readonly ejected: readonly Ejection[];
  readonly breakers: readonly OpenBreaker[];
}

export interface BalancingOptions extends Omit<PoolOptions, 'policy'> {
  readonly policies: () => GatewayPolicies;
  /** A read-only request to the pod's MCP server; true when it answered. */
  readonly probe: (node: string, signal: AbortSignal) => Promise<boolean>;
  readonly random: Random;
  readonly metrics: GatewayMetrics;
  readonly events: GatewayEvents;
}

export function createBalancing(options: BalancingOptions): Balancing {
  const { cluster, policies } = options;
  const health = (): GatewayPolicies['health'] => policies().health;
  let stale = true;
  const tools = { ...options, changed: (): void => void (stale = true) };
  const pool = createPool({ ...options, policy: () => policies().loadBalancing });
  const breakers = createBreakers({ ...tools, rules: () => health().circuitBreaker });
  const outliers = createOutliers({
    ...tools,
    rules: () => health().outlierDetection,
    nodes: () => new Set(pool.backends.keys()),
  });
  const refresh = (): Pool => {
    if (!stale && !pool.isStale()) return pool;
    stale = false;
    pool.refresh({
      isBack: outliers.pardon,
      isWell(node, working) {
        const ejected = outliers.isEjected(node) && !outliers.panics(working);
        return !ejected && breakers.closed(node, undefined);
      },
    });
    breakers.keep(new Set(pool.backends.keys()));
    return pool;
  };
  const { began, active } = createWatch(options, pool, breakers, outliers);
  let stopWatching = (): void => undefined;
  return {
    ...createPlacement(options, refresh, breakers),
    began,
    admits: (node, tool, repeatable = false) =>
      breakers.admits(node, tool, repeatable) ? 'yes' : 'open',
    retryAfterMs: (node, tool) => retryAfterMs(breakers, node, tool),
    budget: createRetryBudget(() => health().retryBudget, active),
    status: () => ({ ejected: outliers.ejections(), breakers: breakers.open() }),
    start() {
      stopWatching = cluster.onChange(tools.changed);
      outliers.start();
    },
    stop() {
      stopWatching();
      outliers.stop();
      breakers.stop();
    },
  };
}

/** Who gets new work. `refresh` answers with the pool as it is now. */
function createPlacement(
  { clock, random, policies }: BalancingOptions,
  refresh: () => Pool,
  breakers: Breakers,
): Pick<Balancing, 'place' | 'whyNot' | 'takesWork' | 'lacks'> {
  const requiresFor = ({ tool, forSession }: Partial<PlaceRequest>): readonly string[] => {
    const { capabilities } = policies().loadBalancing;
    if (capabilities.length === 0) return [];
    // A session may call every tool: a pod that has everything is best, and any other better than none.
    if (forSession === true) return refresh().offered(labels(capabilities));
    if (tool === undefined) return [];
    return labels(capabilities.filter((each) => namesTool(each.tool, tool)));
  };
  return {
    place(request) {
      const picker = refresh().picker();
      const { tool, key } = request;
      const picking = { key, requires: requiresFor(request), random, nowMs: clock.monotonic() };
      let { avoid } = request;
      for (;;) {
        const node = picker.pick({ ...picking, avoid });
        if (node === undefined || tool === undefined || breakers.closed(node, tool)) return node;
        avoid = new Set([...avoid, node]);
      }
    },
    whyNot({ tool }) {
      const working = [...refresh().backends.values()].filter(({ takesWork }) => takesWork);
      const requires = requiresFor({ tool });
      const able = working.filter((backend) => hasAll(backend, requires));
      if (working.length > 0 && able.length === 0)
        return { error: MCP_ERRORS.noCapablePod, requires };
      if (able.length === 0 || able.some(({ node }) => breakers.closed(node, tool)))
        return { error: MCP_ERRORS.unavailable };
      const waits = able.map(({ node }) => retryAfterMs(breakers, node, tool));
      return { error: MCP_ERRORS.circuitOpen, retryAfterMs: Math.min(...waits) };
    },
    takesWork: (node) => refresh().backends.get(node)?.takesWork === true,
    lacks(node, tool) {
      const requires = requiresFor({ tool });
      if (requires.length === 0) return [];
      const has = refresh().backends.get(node)?.capabilities ?? [];
      return requires.filter((label) => !has.includes(label));
    },
  };
}

/** Every label that these tools need. */
const labels = (capabilities: LoadBalancingPolicy['capabilities']): readonly string[] => [
  ...new Set(capabilities.flatMap(({ requires }) => requires)),
];

/** The longest wait of the breakers that judge a call. */
function retryAfterMs(breakers: Breakers, node: string, tool: string | undefined): number {
  const judging = breakers
    .open()
    .filter((each) => each.node === node && (each.tool === undefined || each.tool === tool));
  return Math.max(0, ...judging.map((each) => each.retryAfterMs));
}

/** Counts what is under way, and hands every outcome to whoever learns from it. */
function createWatch(
  { clock }: BalancingOptions,
  { backends }: Pool,
  breakers: Breakers,
  outliers: Outliers,
): Pick<Balancing, 'began'> & { active(): number } {
  let active = 0;
  return {
    active: () => active,
    began(node, tool) {
      const endBreakers = breakers.began(node, tool);
      const outcomes = backends.get(node)?.outcomes;
      active += 1;
      if (outcomes !== undefined) outcomes.active += 1;
      let running = true;
      return {
        ended(outcome, latencyMs) {
          if (!running) return;
          running = false;
          active -= 1;
          if (outcomes !== undefined) outcomes.active -= 1;
          const ok = outcome === 'none' ? undefined : outcome === 'ok';
          endBreakers(ok);
          if (ok === undefined) return;
          outcomes?.answered(ok, latencyMs, clock.monotonic());
          if (backends.has(node)) outliers.record(node, ok);
        },
      };
    },
  };
}
