/** Facts as this member sees them happen, for whoever watches the admin service. */
import type { Clock } from '../std/index.ts';

export interface ClusterFact {
  /** Wall-clock milliseconds. */
  readonly at: number;
  readonly kind: string;
  readonly subject: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface EventHub {
  emit(kind: string, subject: string, attributes?: Readonly<Record<string, string>>): void;
  onEvent(listener: (fact: ClusterFact) => void): () => void;
}

/** Hands each fact to every listener at once; nothing is kept. */
export function createEventHub(clock: Clock): EventHub {
  const listeners = new Set<(fact: ClusterFact) => void>();
  return {
    emit(kind, subject, attributes = {}) {
      const fact = { at: clock.wall(), kind, subject, attributes };
      for (const listener of listeners) listener(fact);
    },
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
