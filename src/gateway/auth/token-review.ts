/** Tokens of Kubernetes: the API server says whose they are. */
import { decodeJwt } from 'jose';
import { hash } from 'node:crypto';
import type { Clock } from '../../std/index.ts';
import type { ReviewedToken, ReviewToken } from '../ports.ts';
import { createVerdictCache } from './verdict-cache.ts';
import { principalOf, UNKNOWN, type TokenProvider, type Verdict } from './verdict.ts';

export interface TokenReviewOptions {
  readonly audiences: readonly string[];
  readonly review: ReviewToken;
  readonly clock: Clock;
}

/** How long a deleted service account goes on working. */
const KNOWN_TTL_MS = 30_000;
const UNKNOWN_TTL_MS = 5_000;
const VERDICTS_MAX = 4096;
/** Whoever sends made-up tokens must not make us flood the API server. */
const REVIEWS_MAX = 32;
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):[^:]+$/;

export function createTokenReviewProvider(options: TokenReviewOptions): TokenProvider {
  const { audiences, review, clock } = options;
  const cache = createVerdictCache(clock, VERDICTS_MAX);
  const running = new Map<string, Promise<Verdict>>();
  const ask = async (token: string): Promise<Verdict> => {
    const answer = await review(token, audiences);
    const verdict = verdictOn(answer, audiences, token);
    cache.set(token, verdict, verdict.type === 'known' ? KNOWN_TTL_MS : UNKNOWN_TTL_MS);
    return verdict;
  };
  return {
    async check(token) {
      const known = cache.get(token);
      if (known !== undefined) return known;
      const key = hash('sha256', token, 'base64url');
      const joined = running.get(key);
      if (joined !== undefined) return joined;
      if (running.size >= REVIEWS_MAX)
        return { type: 'unavailable', detail: `${REVIEWS_MAX} reviews are running` };
      const asked = ask(token)
        .catch((error: unknown): Verdict => {
          return { type: 'unavailable', detail: (error as Error).message };
        })
        .finally(() => running.delete(key));
      running.set(key, asked);
      return asked;
    },
  };
}

function verdictOn(
  { authenticated, user, audiences }: ReviewedToken,
  wanted: readonly string[],
  token: string,
): Verdict {
  if (!authenticated || user === undefined) return UNKNOWN;
  // An API server that does not know audiences answers without them: then the token is its own and not for us.
  if (!wanted.some((audience) => audiences.includes(audience))) return UNKNOWN;
  const tenant = SERVICE_ACCOUNT.exec(user.username)?.[1] ?? 'default';
  const expiresAt = expiryOf(token);
  return {
    type: 'known',
    principal: principalOf(['TokenReview', '', user.username, user.uid], {
      tenant,
      groups: user.groups,
      scopes: [],
    }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

/** The end that a token of a service account names; the API server has verified it. */
function expiryOf(token: string): number | undefined {
  try {
    const { exp } = decodeJwt(token);
    return exp === undefined ? undefined : exp * 1000;
  } catch {
    return undefined;
  }
}
