/** The circuit breakers of one front: one for each pod, and if the resource says so one for each tool there. */
import type { Clock } from '../../std/index.ts';
import {
  createBreaker,
  type Breaker,
  type BreakerCall,
  type BreakerRules,
} from '../core/breaker.ts';
import type { GatewayEvents } from '../events.ts';
import type { GatewayMetrics } from '../metrics.ts';

/** Breakers of tools kept at a time; the one that was longest not used goes first, and forgets its count. */
const TOOL_BREAKERS_MAX = 2_000;
/** How long a probe of a half-open breaker may take. */
const PROBE_TIMEOUT_MS = 2_000;

export interface BreakersRules extends BreakerRules {
  readonly enabled: boolean;
  readonly perTool: boolean;
}

export interface OpenBreaker {
  readonly node: string;
  /** Absent: the breaker of the pod as a whole. */
  readonly tool?: string;
  readonly state: 'open' | 'half-open';
  readonly retryAfterMs: number;
}

export interface Breakers {
  /** True when neither the pod's breaker nor that of its tool refuses. */
  admits(node: string, tool: string | undefined, repeatable: boolean): boolean;
  /** True when new work may go there: only to closed ones. */
  closed(node: string, tool: string | undefined): boolean;
  began(node: string, tool: string | undefined): (ok: boolean | undefined) => void;
  /** Those that are not closed. */
  open(): readonly OpenBreaker[];
  /** Forgets pods that are gone. */
  keep(nodes: ReadonlySet<string>): void;
  stop(): void;
}

export interface BreakersOptions {
  /** Read at each use; another value makes all breakers anew. */
  readonly rules: () => BreakersRules;
  /** A read-only request to the pod's MCP server; true when it answered. */
  readonly probe: (node: string, signal: AbortSignal) => Promise<boolean>;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly events: GatewayEvents;
  /** The pod's breaker opened or closed. */
  readonly changed: () => void;
}

interface Entry {
  readonly node: string;
  readonly tool: string | undefined;
  readonly breaker: Breaker;
  cancelProbe: () => void;
}

export function createBreakers(options: BreakersOptions): Breakers {
  const { clock, metrics, events } = options;
  const pods = new Map<string, Entry>();
  const tools = new Map<string, Entry>();
  const stopped = new AbortController();
  let rules = options.rules();

  const clear = (map: Map<string, Entry>, isKept: (entry: Entry) => boolean): void => {
    for (const [key, entry] of map) {
      if (isKept(entry)) continue;
      entry.cancelProbe();
      map.delete(key);
    }
  };
  const inForce = (): BreakersRules => {
    const next = options.rules();
    if (next !== rules) {
      rules = next;
      for (const map of [pods, tools]) clear(map, () => false);
      options.changed();
    }
    return rules;
  };
  const create = (node: string, tool: string | undefined): Entry => ({
    node,
    tool,
    breaker: createBreaker(rules),
    cancelProbe: () => undefined,
  });
  /** The breakers that judge a call, those that do not exist yet included. */
  const entriesFor = (node: string, tool: string | undefined): Entry[] => {
    const { enabled, perTool } = inForce();
    if (!enabled) return [];
    const pod = pods.get(node) ?? create(node, undefined);
    pods.set(node, pod);
    if (!perTool || tool === undefined) return [pod];
    const key = `${node}\0${tool}`;
    const own = tools.get(key) ?? create(node, tool);
    // Set anew at each use: the first key of the map is the one longest not used.
    tools.delete(key);
    tools.set(key, own);
    if (tools.size > TOOL_BREAKERS_MAX) {
      const [oldest] = tools.keys();
      tools.get(oldest as string)?.cancelProbe();
      tools.delete(oldest as string);
    }
    return [pod, own];
  };

  const tell = (entry: Entry, type: 'breaker-opened' | 'breaker-closed'): void => {
    const { node, tool } = entry;
    metrics.breakerChanges.inc({ to: type === 'breaker-opened' ? 'open' : 'closed' });
    metrics.breakersOpen.set(openOf(node).length, { pod: node });
    events.emit({ type, id: node, ...(tool === undefined ? {} : { tool }) });
    options.changed();
  };
  const end = (entry: Entry, call: BreakerCall, ok: boolean | undefined): void => {
    const change = entry.breaker.ended(call, ok, clock.monotonic());
    if (change === undefined) return;
    if (change === 'opened') scheduleProbe(entry, entry.breaker.retryAfterMs(clock.monotonic()));
    else entry.cancelProbe();
    tell(entry, change === 'opened' ? 'breaker-opened' : 'breaker-closed');
  };
  /** Half-open, somebody must ask, even if no request comes that may be repeated. */
  const scheduleProbe = (entry: Entry, delayMs: number): void => {
    entry.cancelProbe();
    entry.cancelProbe = clock.schedule(delayMs, () => void probe(entry));
  };
  const probe = async (entry: Entry): Promise<void> => {
    const { breaker, node } = entry;
    const call = breaker.began(clock.monotonic());
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
    const ok = await options.probe(node, signal).catch(() => false);
    if (stopped.signal.aborted) return;
    end(entry, call, ok);
    if (breaker.state(clock.monotonic()) === 'half-open') scheduleProbe(entry, 0);
  };
  const notClosed = (map: ReadonlyMap<string, Entry>): OpenBreaker[] =>
    [...map.values()].flatMap(({ node, tool, breaker }) => {
      const now = clock.monotonic();
      const state = breaker.state(now);
      if (state === 'closed') return [];
      const retryAfterMs = breaker.retryAfterMs(now);
      return [{ node, state, retryAfterMs, ...(tool === undefined ? {} : { tool }) }];
    });
  const openOf = (node: string): OpenBreaker[] =>
    [...notClosed(pods), ...notClosed(tools)].filter((each) => each.node === node);

  return {
    admits: (node, tool, repeatable) =>
      entriesFor(node, tool).every(({ breaker }) => breaker.admits(clock.monotonic(), repeatable)),
    closed: (node, tool) =>
      entriesFor(node, tool).every(({ breaker }) => breaker.state(clock.monotonic()) === 'closed'),
    began(node, tool) {
      const calls = entriesFor(node, tool).map(
        (entry) => [entry, entry.breaker.began(clock.monotonic())] as const,
      );
      return (ok) => {
        for (const [entry, call] of calls) end(entry, call, ok);
      };
    },
    open: () => [...notClosed(pods), ...notClosed(tools)],
    keep(nodes) {
      for (const node of pods.keys())
        if (!nodes.has(node)) metrics.breakersOpen.remove({ pod: node });
      for (const map of [pods, tools]) clear(map, ({ node }) => nodes.has(node));
    },
    stop() {
      stopped.abort();
      for (const map of [pods, tools]) clear(map, () => false);
    },
  };
}
