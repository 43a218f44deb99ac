/**
 * Where new work goes: the pods that are ready and well, the strategy of the resource among them, and what every answer teaches
 * about them. Made once per front; everything is decided from memory.
 */
import { MCP_ERRORS, type McpErrorKind } from '../../mcp/index.ts';
import type { Clock, Random } from '../../std/index.ts';
import { createBalancer } from '../core/balancers.ts';
import type { Balancer, Picker } from '../core/balancer.ts';
import { hasAll } from '../core/capability.ts';
import type { Ejection } from '../core/outlier.ts';
import { createRetryBudget, type RetryBudget } from '../core/retry-budget.ts';
import type { GatewayEvents } from '../events.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { namesTool, type GatewayPolicies, type LoadBalancingPolicy } from '../policies.ts';
import type { Cluster } from '../ports.ts';
import { Backend } from './backends.ts';
import { createBreakers, type OpenBreaker } from './breakers.ts';
import { createOutliers } from './outliers.ts';

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

export interface BalancingOptions {
  readonly cluster: Cluster;
  /** Sessions per node. */
  readonly sessions: () => ReadonlyMap<string, number>;
  /** This pod takes new work: its MCP server answers, and it is not draining. */
  readonly selfReady: () => boolean;
  readonly policies: () => GatewayPolicies;
  /** A read-only request to the pod's MCP server; true when it answered. */
  readonly probe: (node: string, signal: AbortSignal) => Promise<boolean>;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: GatewayMetrics;
  readonly events: GatewayEvents;
}

export function createBalancing(options: BalancingOptions): Balancing {
  const { cluster, clock, random, metrics, events, policies } = options;
  const health = (): GatewayPolicies['health'] => policies().health;
  let stale = true;
  const changed = (): void => void (stale = true);
  const pool = createPool(options);
  const breakers = createBreakers({
    ...{ clock, metrics, events, changed, probe: options.probe },
    rules: () => health().circuitBreaker,
  });
  const outliers = createOutliers({
    ...{ clock, metrics, events, changed },
    rules: () => health().outlierDetection,
    nodes: () => new Set(pool.backends.keys()),
  });
  let active = 0;
  const budget = createRetryBudget(
    () => health().retryBudget,
    () => active,
  );
  let stopWatching = (): void => undefined;

  const refresh = (): Picker => {
    if (stale || pool.isStale()) {
      stale = false;
      pool.refresh((node, ready) => {
        const ejected = outliers.isEjected(node) && !outliers.panics(ready);
        return !ejected && breakers.closed(node, undefined);
      });
      breakers.keep(new Set(pool.backends.keys()));
    }
    return pool.picker();
  };
  const requiresFor = ({ tool, forSession }: PlaceRequest): readonly string[] => {
    const { capabilities } = policies().loadBalancing;
    if (forSession === true) return pool.offered(labels(capabilities, () => true));
    return tool === undefined ? [] : labels(capabilities, (name) => namesTool(name, tool));
  };
  const retryAfterMs = (node: string, tool?: string): number => {
    const own = breakers
      .open()
      .filter((each) => each.node === node && (each.tool === undefined || each.tool === tool));
    return Math.max(0, ...own.map((each) => each.retryAfterMs));
  };

  return {
    budget,
    place(request) {
      const picker = refresh();
      const { tool, key } = request;
      const requires = requiresFor(request);
      const nowMs = clock.monotonic();
      let { avoid } = request;
      for (;;) {
        const node = picker.pick({ key, requires, avoid, random, nowMs });
        if (node === undefined || tool === undefined || breakers.closed(node, tool)) return node;
        avoid = new Set([...avoid, node]);
      }
    },
    whyNot({ tool, avoid }) {
      refresh();
      const working = [...pool.backends.values()].filter(({ takesWork }) => takesWork);
      const requires = requiresFor({ tool, avoid });
      const able = working.filter((backend) => hasAll(backend, requires));
      if (working.length > 0 && able.length === 0)
        return { error: MCP_ERRORS.noCapablePod, requires };
      const refusing = able.filter(({ node }) => !breakers.closed(node, tool));
      if (able.length === 0 || refusing.length < able.length)
        return { error: MCP_ERRORS.unavailable };
      const waits = refusing.map(({ node }) => retryAfterMs(node, tool));
      return { error: MCP_ERRORS.circuitOpen, retryAfterMs: Math.min(...waits) };
    },
    takesWork(node) {
      refresh();
      return pool.backends.get(node)?.takesWork === true;
    },
    lacks(node, tool) {
      if (policies().loadBalancing.capabilities.length === 0) return [];
      refresh();
      const has = pool.backends.get(node)?.capabilities ?? [];
      return requiresFor({ tool, avoid: new Set() }).filter((label) => !has.includes(label));
    },
    began(node, tool) {
      const endBreakers = breakers.began(node, tool);
      const outcomes = pool.backends.get(node)?.outcomes;
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
          if (pool.backends.has(node)) outliers.record(node, ok);
        },
      };
    },
    admits: (node, tool, repeatable = false) =>
      breakers.admits(node, tool, repeatable) ? 'yes' : 'open',
    retryAfterMs,
    status: () => ({ ejected: outliers.ejections(), breakers: breakers.open() }),
    start() {
      stopWatching = cluster.onChange(changed);
      outliers.start();
    },
    stop() {
      stopWatching();
      outliers.stop();
      breakers.stop();
    },
  };
}

/** All labels that tools of these names need. */
function labels(
  capabilities: LoadBalancingPolicy['capabilities'],
  isMeant: (tool: string) => boolean,
): readonly string[] {
  if (capabilities.length === 0) return [];
  const meant = capabilities.filter(({ tool }) => isMeant(tool));
  return [...new Set(meant.flatMap(({ requires }) => requires))];
}

interface Pool {
  readonly backends: ReadonlyMap<string, Backend>;
  isStale(): boolean;
  /** Takes the cluster's view over; `isWell` is asked for each pod that takes work. */
  refresh(isWell: (node: string, ready: readonly string[]) => boolean): void;
  picker(): Picker;
  /** Those of the labels that some ready pod has all of, or none. */
  offered(requires: readonly string[]): readonly string[];
}

/** The pods and the picker over them, renewed only when that makes a difference. */
function createPool(options: BalancingOptions): Pool {
  const { cluster, clock } = options;
  const backends = new Map<string, Backend>();
  let policy: LoadBalancingPolicy | undefined;
  let balancer: Balancer | undefined;
  let picker: Picker = { pick: () => undefined };
  let selfReady = false;

  return {
    backends,
    isStale: () => policy !== options.policies().loadBalancing || selfReady !== options.selfReady(),
    refresh(isWell) {
      selfReady = options.selfReady();
      const members = cluster.members();
      const { node: self } = cluster.self;
      const takesWork = (node: string, ready: boolean): boolean =>
        ready && (node !== self || selfReady);
      const ready = members.filter((each) => takesWork(each.node, each.ready));
      const readyNodes = ready.map(({ node }) => node);
      const next = options.policies().loadBalancing;
      let isNew = next !== policy || balancer === undefined;
      if (isNew) balancer = createBalancer((policy = next));
      const gone = new Set(backends.keys());
      for (const member of members) {
        const { node } = member;
        gone.delete(node);
        const backend =
          backends.get(node) ??
          new Backend(node, node === self, () => options.sessions().get(node) ?? 0);
        if (!backends.has(node)) isNew = true;
        backends.set(node, backend);
        const works = takesWork(node, member.ready);
        const facts = {
          member,
          takesWork: works,
          ready: works && isWell(node, readyNodes),
          weight: member.weight ?? next.weights[node] ?? 1,
        };
        if (backend.refresh(facts, clock.monotonic())) isNew = true;
      }
      for (const node of gone) backends.delete(node);
      if (isNew || gone.size > 0) picker = (balancer as Balancer).update([...backends.values()]);
    },
    picker: () => picker,
    offered(requires) {
      const able = [...backends.values()].some((each) => each.ready && hasAll(each, requires));
      return able ? requires : [];
    },
  };
}
