/** The providers that a policy names. Each lives as long as some policy in force names it, with what it has cached. */
import { resolve } from 'node:path';
import { unreachable, type Clock, type Random } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { AuthPolicy, AuthProvider } from '../policies.ts';
import type { ReviewToken } from '../ports.ts';
import { createJwtProvider } from './jwt.ts';
import { createTokenFile } from './token-file.ts';
import { createTokenReviewProvider } from './token-review.ts';
import type { TokenProvider, Verdict } from './verdict.ts';

export interface ProviderTools {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Absent where there is no Kubernetes to ask. */
  readonly reviewToken?: ReviewToken | undefined;
  /** Where token files are whose path is not absolute; default: the working folder. */
  readonly tokensDirectory?: string | undefined;
}

export interface Providers {
  /** Asks each in order; the first that knows the token decides. */
  check(policy: AuthPolicy, token: string): Promise<Verdict>;
}

export function createProviders(tools: ProviderTools): Providers {
  let policyInForce: AuthPolicy | undefined;
  let chain: readonly TokenProvider[] = [];
  let known = new Map<string, TokenProvider>();
  const chainOf = (policy: AuthPolicy): readonly TokenProvider[] => {
    if (policy === policyInForce) return chain;
    // Another value may say the same: what was cached for it stays.
    known = new Map(
      policy.providers.map((provider) => {
        const key = JSON.stringify(provider);
        return [key, known.get(key) ?? createProvider(provider, tools)];
      }),
    );
    policyInForce = policy;
    chain = [...known.values()];
    return chain;
  };
  return {
    async check(policy, token) {
      let unavailable: Verdict | undefined;
      for (const provider of chainOf(policy)) {
        const verdict = await provider.check(token);
        if (verdict.type === 'known' || verdict.type === 'invalid') return verdict;
        if (verdict.type === 'unavailable') unavailable ??= verdict;
      }
      // It may be the token of the one that could not be asked.
      return unavailable ?? { type: 'unknown' };
    },
  };
}

function createProvider(provider: AuthProvider, tools: ProviderTools): TokenProvider {
  switch (provider.type) {
    case 'TokenFile':
      return createTokenFile({
        ...tools,
        path: resolve(tools.tokensDirectory ?? '', provider.path),
        name: provider.path,
      });
    case 'JWT':
      return createJwtProvider({ ...tools, policy: provider });
    case 'TokenReview':
      return createTokenReviewProvider({
        audiences: provider.audiences,
        review: tools.reviewToken ?? noReview,
        clock: tools.clock,
      });
    default:
      return unreachable(provider);
  }
}

const noReview: ReviewToken = () => Promise.reject(new Error('there is no Kubernetes to ask'));
