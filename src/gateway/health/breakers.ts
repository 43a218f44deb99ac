/** The circuit breakers of one front: one for each pod, and if the resource says so one for each tool there. */
import { withinTime, type Clock } from '../../std/index.ts';
import type { BreakerCall } from '../core/breaker.ts';
import type { GatewayEvents } from '../events.ts';
import type { GatewayMetrics } from '../metrics.ts';
import {
  createBreakerRegistry,
  type BreakerEntry,
  type BreakersRules,
} from './breaker-registry.ts';

/** How long a probe of a half-open breaker may take. */
const PROBE_TIMEOUT_MS = 2_000;

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
  /** A call begins; the returned function takes its outcome, undefined when it says nothing. */
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
  /** A breaker opened or closed. */
  readonly changed: () => void;
}

export function createBreakers(options: BreakersOptions): Breakers {
  const { clock } = options;
  const registry = createBreakerRegistry(options.rules, options.changed);
  const stopped = new AbortController();
  const now = (): number => clock.monotonic();

  const open = (): OpenBreaker[] =>
    registry.all().flatMap(({ node, tool, breaker }) => {
      const state = breaker.state(now());
      if (state === 'closed') return [];
      const retryAfterMs = breaker.retryAfterMs(now());
      return [{ node, state, retryAfterMs, ...(tool === undefined ? {} : { tool }) }];
    });
  const end = (entry: BreakerEntry, call: BreakerCall, ok: boolean | undefined): void => {
    const change = entry.breaker.ended(call, ok, now());
    if (change === undefined) return;
    entry.cancelProbe();
    if (change === 'opened') scheduleProbe(entry, entry.breaker.retryAfterMs(now()));
    const openThere = open().filter(({ node }) => node === entry.node).length;
    tell(options, entry, change, openThere);
  };
  /** Half-open, somebody must ask, even if no request comes that may be repeated. */
  const scheduleProbe = (entry: BreakerEntry, delayMs: number): void => {
    entry.cancelProbe = clock.schedule(delayMs, () => void probe(entry));
  };
  const probe = async (entry: BreakerEntry): Promise<void> => {
    const { breaker, node } = entry;
    const call = breaker.began(now());
    const ask = (signal: AbortSignal): Promise<boolean> => options.probe(node, signal);
    const ok = await withinTime(clock, PROBE_TIMEOUT_MS, ask, stopped.signal).catch(() => false);
    if (stopped.signal.aborted) return;
    end(entry, call, ok);
    if (breaker.state(now()) === 'half-open') scheduleProbe(entry, 0);
  };

  return {
    admits: (node, tool, repeatable) =>
      registry.judging(node, tool).every(({ breaker }) => breaker.admits(now(), repeatable)),
    closed: (node, tool) =>
      registry.judging(node, tool).every(({ breaker }) => breaker.state(now()) === 'closed'),
    began(node, tool) {
      const calls = registry
        .judging(node, tool)
        .map((entry) => [entry, entry.breaker.began(now())] as const);
      return (ok) => {
        for (const [entry, call] of calls) end(entry, call, ok);
      };
    },
    open,
    keep(nodes) {
      const gone = registry.all().filter(({ node }) => !nodes.has(node));
      for (const { node } of gone) options.metrics.breakersOpen.remove({ peer: node });
      registry.keep(({ node }) => nodes.has(node));
    },
    stop() {
      stopped.abort();
      registry.keep(() => false);
    },
  };
}

function tell(
  { metrics, events, changed }: BreakersOptions,
  { node, tool }: BreakerEntry,
  change: 'opened' | 'closed',
  openThere: number,
): void {
  metrics.breakerChanges.inc({ to: change === 'opened' ? 'open' : 'closed' });
  metrics.breakersOpen.set(openThere, { peer: node });
  const whom = tool === undefined ? { id: node } : { id: node, tool };
  events.emit({ type: `breaker-${change}`, ...whom });
  changed();
}
