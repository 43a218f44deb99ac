/** From a bearer token to its user: signature, audience, time, and whether what it is bound to still exists. */
import { err, ok, type Result } from '../../../std/index.ts';
import {
  TOKEN_LEEWAY_S,
  tokenProblem,
  tokenUser,
  type TokenClaims,
  type TokenUser,
} from '../../core/index.ts';
import type { Api } from '../context.ts';

export interface Authenticated {
  readonly user: TokenUser;
  /** Those of the asked audiences that the token is for. */
  readonly audiences: readonly string[];
}

const RESOURCE_OF = { ServiceAccount: 'serviceaccounts', Pod: 'pods', Secret: 'secrets' } as const;

/** The user of a token that is meant for one of `audiences`, or the sentence that a TokenReview answers with. */
export async function authenticateToken(
  api: Api,
  token: string,
  audiences: readonly string[],
): Promise<Result<Authenticated, string>> {
  const verified = await api.tokens.verify(token);
  if (!verified.ok) {
    const forged = verified.error === 'forged';
    return err(refusal(...(forged ? ['the signature is not of this server'] : [])));
  }
  const claims = verified.value;
  const common = claims.aud.filter((one) => audiences.includes(one));
  if (common.length === 0)
    return err(
      refusal(
        `token audiences ${quoted(claims.aud)} is invalid for the target audiences ${quoted(audiences)}`,
      ),
    );
  const problem = tokenProblem(claims, surroundings(api, claims));
  if (problem !== undefined) return err(refusal(problem));
  return ok({ user: tokenUser(claims), audiences: common });
}

const quoted = (list: readonly string[]): string =>
  `[${list.map((one) => JSON.stringify(one)).join(' ')}]`;

/** Go prints several errors as a list. */
const refusal = (...more: string[]): string =>
  more.length === 0 ? 'invalid bearer token' : `[invalid bearer token, ${more.join(', ')}]`;

function surroundings(api: Api, claims: TokenClaims): Parameters<typeof tokenProblem>[1] {
  const { namespace } = claims['kubernetes.io'];
  const now = api.clock.wall();
  return {
    nowSeconds: Math.floor(now / 1000),
    uidOf(kind, name) {
      const object = api.store.get({ resource: RESOURCE_OF[kind], namespace, name });
      const { uid, deletionTimestamp } = object?.metadata ?? {};
      if (deletionTimestamp === undefined) return uid;
      return Date.parse(deletionTimestamp) < now - TOKEN_LEEWAY_S * 1000 ? undefined : uid;
    },
  };
}
