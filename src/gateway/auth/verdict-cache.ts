/** What was found out about tokens a moment ago, by their hashes: no token is kept. */
import { hash } from 'node:crypto';
import type { Clock } from '../../std/index.ts';
import type { Verdict } from './verdict.ts';

export interface VerdictCache {
  get(token: string): Verdict | undefined;
  /** Keeps a verdict for `ttlMs`, and never beyond its `expiresAt`. */
  set(token: string, verdict: Verdict, ttlMs: number): void;
}

/** Holds `verdictsMax` at most; the oldest goes first. */
export function createVerdictCache(clock: Clock, verdictsMax: number): VerdictCache {
  const kept = new Map<string, { readonly verdict: Verdict; readonly until: number }>();
  return {
    get(token) {
      const key = hash('sha256', token, 'base64url');
      const entry = kept.get(key);
      if (entry === undefined) return undefined;
      if (clock.monotonic() < entry.until) return entry.verdict;
      kept.delete(key);
      return undefined;
    },
    set(token, verdict, ttlMs) {
      const key = hash('sha256', token, 'base64url');
      const expiresAt = verdict.type === 'known' ? (verdict.expiresAt ?? Infinity) : Infinity;
      kept.delete(key);
      kept.set(key, {
        verdict,
        until: clock.monotonic() + Math.min(ttlMs, expiresAt - clock.wall()),
      });
      const [oldest] = kept.keys();
      if (kept.size > verdictsMax && oldest !== undefined) kept.delete(oldest);
    },
  };
}
