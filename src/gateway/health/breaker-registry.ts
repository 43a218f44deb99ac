/** The breakers of pods and of tools by whom they judge: made when first asked for, and bounded. */
import { createBreaker, type Breaker, type BreakerRules } from '../core/breaker.ts';

/** Breakers of tools kept at a time; the one that was longest not used goes first, and forgets its count. */
const TOOL_BREAKERS_MAX = 2_000;

export interface BreakersRules extends BreakerRules {
  readonly enabled: boolean;
  readonly perTool: boolean;
}

export interface BreakerEntry {
  readonly node: string;
  /** Undefined: the breaker of the pod as a whole. */
  readonly tool: string | undefined;
  readonly breaker: Breaker;
  cancelProbe: () => void;
}

export interface BreakerRegistry {
  /** Those that judge a call: none where breakers are off. */
  judging(node: string, tool: string | undefined): readonly BreakerEntry[];
  all(): readonly BreakerEntry[];
  /** Drops the others, and their probes. */
  keep(isKept: (entry: BreakerEntry) => boolean): void;
}

/** `rules` is read at each use; other rules make all breakers anew, and `renewed` is told. */
export function createBreakerRegistry(
  rules: () => BreakersRules,
  renewed: () => void,
): BreakerRegistry {
  const entries = { pods: new Map<string, BreakerEntry>(), tools: new Map<string, BreakerEntry>() };
  let inForce = rules();

  const keep: BreakerRegistry['keep'] = (isKept) => {
    for (const map of [entries.pods, entries.tools])
      for (const [key, entry] of map) {
        if (isKept(entry)) continue;
        entry.cancelProbe();
        map.delete(key);
      }
  };
  const entryOf = (
    map: Map<string, BreakerEntry>,
    key: string,
    whom: Pick<BreakerEntry, 'node' | 'tool'>,
  ): BreakerEntry => {
    const entry = map.get(key) ?? {
      ...whom,
      breaker: createBreaker(inForce),
      cancelProbe: () => undefined,
    };
    // Set anew at each use: the first key of the map is the one longest not used.
    map.delete(key);
    map.set(key, entry);
    return entry;
  };
  return {
    judging(node, tool) {
      const latest = rules();
      if (latest !== inForce) {
        inForce = latest;
        keep(() => false);
        renewed();
      }
      if (!inForce.enabled) return [];
      const pod = entryOf(entries.pods, node, { node, tool: undefined });
      if (!inForce.perTool || tool === undefined) return [pod];
      const own = entryOf(entries.tools, `${node}\0${tool}`, { node, tool });
      if (entries.tools.size > TOOL_BREAKERS_MAX) {
        const [[key, oldest] = []] = entries.tools;
        oldest?.cancelProbe();
        entries.tools.delete(key ?? '');
      }
      return [pod, own];
    },
    all: () => [...entries.pods.values(), ...entries.tools.values()],
    keep,
  };
}
