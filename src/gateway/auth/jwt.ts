/** JSON web tokens of one issuer: signature, issuer, audience and time are checked, claims become the principal. */
import { decodeJwt, errors, jwtVerify, type JWTPayload } from 'jose';
import type { Clock } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { Principal } from '../exchange.ts';
import type { AuthProvider } from '../policies.ts';
import { createKeySet, KeysUnavailable } from './key-set.ts';
import { createVerdictCache } from './verdict-cache.ts';
import {
  principalOf,
  UNKNOWN,
  type InvalidReason,
  type TokenProvider,
  type Verdict,
} from './verdict.ts';

export interface JwtOptions {
  readonly policy: Extract<AuthProvider, { readonly type: 'JWT' }>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Only signatures by a private key: with a shared one, whoever can check tokens can make them. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
/** How far the issuer's clock may be off. */
const LEEWAY_S = 30;
/** A verified token is not verified again for so long; also how long a key that was taken back goes on working. */
const VERIFIED_TTL_MS = 30_000;
const VERIFIED_MAX = 4096;
const NAME_LENGTH_MAX = 256;
const NAMES_MAX = 1000;

export function createJwtProvider({ policy, clock, logger }: JwtOptions): TokenProvider {
  const { issuer, audiences } = policy;
  const keys = createKeySet({ uri: policy.jwksUri, ca: policy.ca, clock, logger });
  const verified = createVerdictCache(clock, VERIFIED_MAX);
  const verify = async (token: string): Promise<Verdict> => {
    const { payload } = await jwtVerify(token, keys.keyOf, {
      issuer,
      audience: [...audiences],
      algorithms: ALGORITHMS,
      clockTolerance: LEEWAY_S,
      currentDate: new Date(clock.wall()),
      requiredClaims: ['exp', 'sub'],
    });
    const principal = principalIn(policy, payload);
    if (principal === undefined) return { type: 'invalid', reason: 'claims' };
    const verdict: Verdict = {
      type: 'known',
      principal,
      expiresAt: ((payload.exp ?? 0) + LEEWAY_S) * 1000,
    };
    verified.set(token, verdict, VERIFIED_TTL_MS);
    return verdict;
  };
  return {
    async check(token) {
      const known = verified.get(token);
      if (known !== undefined) return known;
      if (issuerOf(token) !== issuer) return UNKNOWN;
      try {
        return await verify(token);
      } catch (error) {
        if (error instanceof KeysUnavailable) return { type: 'unavailable', detail: error.message };
        return { type: 'invalid', reason: reasonOf(error) };
      }
    },
  };
}

/** What the token says of its issuer, not verified; undefined when it is no JSON web token. */
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): InvalidReason {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return 'audience';
    return error.claim === 'nbf' ? 'not-yet-valid' : 'claims';
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm';
  const unsigned =
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys;
  return unsigned ? 'signature' : 'malformed';
}

/** Undefined when a claim is not what the policy says it is, or too long to be a name. */
function principalIn(policy: JwtOptions['policy'], payload: JWTPayload): Principal | undefined {
  const { sub } = payload;
  const tenant = claimOf(payload, policy.tenantClaim) ?? 'default';
  const groups = namesIn(claimOf(payload, policy.groupsClaim), ',');
  // RFC 8693 says `scope`, with blanks; Microsoft and Okta say `scp`.
  const scopes = namesIn(payload['scope'] ?? payload['scp'], ' ');
  if (typeof sub !== 'string' || !isName(tenant)) return undefined;
  if (groups === undefined || scopes === undefined) return undefined;
  return principalOf(['JWT', policy.issuer, sub], { tenant, groups, scopes });
}

/** The claim of that very name, or else the one that a path of names with dots leads to. */
function claimOf(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  let value: unknown = payload;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part))
      return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

function namesIn(value: unknown, separator: ',' | ' '): readonly string[] | undefined {
  if (value === undefined || value === null) return [];
  const names =
    typeof value === 'string' ? value.split(separator).map((name) => name.trim()) : value;
  if (!Array.isArray(names) || names.length > NAMES_MAX) return undefined;
  const kept: unknown[] = names.filter((name) => name !== '');
  return kept.every(isName) ? kept : undefined;
}

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= NAME_LENGTH_MAX;
