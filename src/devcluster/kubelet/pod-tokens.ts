/** The tokens in one pod's volumes: asked for through TokenRequest, kept, and replaced before their time is over. */
import { err, ok, type Result } from '../../std/index.ts';
import { tokenRefreshMs, type Pod } from '../core/index.ts';
import type { KubeletDependencies, TokenWish } from './ports.ts';

export interface PodTokens {
  /** A token that is good now. An error: the API gives none, and what was kept is over. */
  get(pod: Pod, wish: TokenWish): Promise<Result<string, string>>;
  /** In how many ms the first of them wants to be replaced; undefined: there is none. */
  dueInMs(): number | undefined;
}

interface KeptToken {
  readonly token: string;
  /** On the monotonic clock. */
  dueMs: number;
  readonly endMs: number;
}

/** Between two tries to replace a token that is still good. */
const RETRY_MS = 60_000;
/** Tokens of one pod are not all replaced in the same moment as those of its neighbours. */
const JITTER_MAX_MS = 10_000;

export function createPodTokens({
  clock,
  random,
  requestToken,
}: Pick<KubeletDependencies, 'clock' | 'random' | 'requestToken'>): PodTokens {
  const kept = new Map<string, KeptToken>();
  return {
    async get(pod, wish) {
      const key = JSON.stringify([wish.audience, wish.expirationSeconds]);
      const before = kept.get(key);
      const now = clock.monotonic();
      if (before !== undefined && now < before.dueMs) return ok(before.token);
      try {
        const token = await requestToken(pod, wish);
        const lifeMs = wish.expirationSeconds * 1000;
        const jitterMs = random.next() * Math.min(JITTER_MAX_MS, lifeMs / 100);
        const dueMs = now + tokenRefreshMs(wish.expirationSeconds) - jitterMs;
        kept.set(key, { token, dueMs, endMs: now + lifeMs });
        return ok(token);
      } catch (error) {
        if (before === undefined || now >= before.endMs)
          return err(`no token of the service account: ${String(error)}`);
        before.dueMs = now + RETRY_MS;
        return ok(before.token);
      }
    },
    dueInMs() {
      const dues = [...kept.values()].map(({ dueMs }) => dueMs);
      return dues.length === 0 ? undefined : Math.max(0, Math.min(...dues) - clock.monotonic());
    },
  };
}
