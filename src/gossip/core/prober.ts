/**
 * One probe at a time per target: ping it, when that fails ask others to ping it, and judge by all the answers. Answers carry
 * their evidence: `silent` proves little, `refused` proves that no process listens there.
 */
import type { ProbeOutcome } from './model.ts';

/** What a finished probe says about its target. */
export type Verdict = 'alive' | 'suspect' | 'dead';

/** What the prober asks for next, or what it found out. */
export type ProbeStep =
  | { readonly type: 'waiting' }
  | { readonly type: 'ask-relays' }
  | { readonly type: 'done'; readonly verdict: Verdict; readonly relaysMissing: number };

const WAITING: ProbeStep = { type: 'waiting' };

interface Probe {
  readonly directRefused: boolean;
  /** Undefined while the direct ping is under way. */
  relays: { readonly asked: number; waiting: number; refused: number; missing: number } | undefined;
}

export class Prober {
  readonly #probes = new Map<string, Probe>();
  readonly #refusedIsDeath: boolean;

  constructor(options: { readonly refusedIsDeath: boolean }) {
    this.#refusedIsDeath = options.refusedIsDeath;
  }

  /** False when a probe of the target is under way already. */
  begin(target: string): boolean {
    if (this.#probes.has(target)) return false;
    this.#probes.set(target, { directRefused: false, relays: undefined });
    return true;
  }

  /** Forgets all probes: their answers, or the lack of them, prove nothing (this process did not run). */
  abandon(): void {
    this.#probes.clear();
  }

  onDirect(target: string, outcome: ProbeOutcome): ProbeStep {
    const probe = this.#probes.get(target);
    if (probe === undefined || probe.relays !== undefined) return WAITING;
    if (outcome === 'ok') return this.#finish(target, 'alive', 0);
    this.#probes.set(target, { directRefused: outcome === 'refused', relays: undefined });
    return { type: 'ask-relays' };
  }

  /** So many relays have been asked. */
  onAsked(target: string, count: number): ProbeStep {
    const probe = this.#probes.get(target);
    if (probe === undefined) return WAITING;
    probe.relays = { asked: count, waiting: count, refused: 0, missing: 0 };
    return count === 0 ? this.#judge(target, probe) : WAITING;
  }

  /** A relay's answer about the target; `missing` when the relay itself did not answer. */
  onRelay(target: string, outcome: ProbeOutcome | 'missing'): ProbeStep {
    const probe = this.#probes.get(target);
    if (probe?.relays === undefined) return WAITING;
    if (outcome === 'ok') return this.#finish(target, 'alive', 0);
    probe.relays.waiting -= 1;
    if (outcome === 'refused') probe.relays.refused += 1;
    if (outcome === 'missing') probe.relays.missing += 1;
    return probe.relays.waiting === 0 ? this.#judge(target, probe) : WAITING;
  }

  #judge(target: string, probe: Probe): ProbeStep {
    const { asked, refused, missing } = probe.relays ?? { asked: 0, refused: 0, missing: 0 };
    // Nobody to ask, or at least one other saw the same: only then is a refusal more than our own broken view.
    const proven = this.#refusedIsDeath && probe.directRefused && (asked === 0 || refused > 0);
    return this.#finish(target, proven ? 'dead' : 'suspect', missing);
  }

  #finish(target: string, verdict: Verdict, relaysMissing: number): ProbeStep {
    this.#probes.delete(target);
    return { type: 'done', verdict, relaysMissing };
  }
}
