/** Signs tokens of service accounts, and knows its own again. */
import { createHash } from 'node:crypto';
import { decodeJwt, exportSPKI, generateKeyPair, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import { err, ok, type Result } from '../../../std/index.ts';
import type { TokenClaims } from '../../core/index.ts';

/** What clusters made by kubeadm are called by their tokens; the real control plane of tests has it, too. */
export const TOKEN_ISSUER = 'https://kubernetes.default.svc.cluster.local';

export type TokenRefusal =
  /** Not a token of this issuer. */
  | 'foreign'
  /** It says that it is, but its signature says otherwise. */
  | 'forged';

export interface TokenIssuer {
  readonly issuer: string;
  sign(claims: TokenClaims): Promise<string>;
  /** The claims of a token that this issuer signed; time, audience and what the token is bound to are not looked at. */
  verify(token: string): Promise<Result<TokenClaims, TokenRefusal>>;
}

const ALGORITHM = 'ES256';

/** The key lives as long as the process: tokens of an earlier one are forged to this. */
export async function createTokenIssuer(issuer: string = TOKEN_ISSUER): Promise<TokenIssuer> {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM);
  const kid = await keyId(publicKey);
  return {
    issuer,
    sign: (claims) =>
      new SignJWT(claims as unknown as JWTPayload)
        .setProtectedHeader({ alg: ALGORITHM, kid })
        .sign(privateKey),
    async verify(token) {
      if (!isFrom(issuer, token)) return err('foreign');
      try {
        const options = { issuer, algorithms: [ALGORITHM], currentDate: new Date(0) };
        const { payload } = await jwtVerify(token, publicKey, {
          ...options,
          // Time is judged with the other claims, by the server's own clock.
          clockTolerance: Number.MAX_SAFE_INTEGER,
        });
        return ok(payload as unknown as TokenClaims);
      } catch {
        return err('forged');
      }
    },
  };
}

function isFrom(issuer: string, token: string): boolean {
  try {
    return decodeJwt(token).iss === issuer;
  } catch {
    return false;
  }
}

/** As Kubernetes names keys: SHA-256 of the public key's DER, base64url. */
async function keyId(publicKey: Parameters<typeof exportSPKI>[0]): Promise<string> {
  const pem = await exportSPKI(publicKey);
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  return createHash('sha256').update(der).digest('base64url');
}
