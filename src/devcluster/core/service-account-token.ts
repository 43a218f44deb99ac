/** Tokens of service accounts: their claims, who they stand for, and when a kubelet asks for the next one. */

interface NamedRef {
  readonly name: string;
  readonly uid: string;
}

/** The claims of a token, under Kubernetes' names. Instants are seconds since the Unix epoch. */
export interface TokenClaims {
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly iss: string;
  readonly jti: string;
  readonly nbf: number;
  readonly sub: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: NamedRef;
    readonly pod?: NamedRef;
    /** The node of the pod; its uid only when the node exists. */
    readonly node?: { readonly name: string; readonly uid?: string };
    readonly secret?: NamedRef;
    /** From here on a use of the token is worth a warning: it lives on only for programs that never read it again. */
    readonly warnafter?: number;
  };
}

export interface TokenInput {
  readonly issuer: string;
  readonly id: string;
  readonly audiences: readonly string[];
  /** Audiences of the API server itself. */
  readonly ownAudiences: readonly string[];
  readonly seconds: number;
  readonly nowSeconds: number;
  readonly namespace: string;
  readonly account: NamedRef;
  readonly pod?: NamedRef;
  readonly node?: { readonly name: string; readonly uid?: string };
  readonly secret?: NamedRef;
}

/** Shortest and longest life that may be asked for, as TokenRequest's validation has them. */
export const TOKEN_SECONDS = { min: 600, max: 2 ** 32, default: 3600 } as const;
/** What the mounted token of a pod asks for; it marks the token whose life is extended. */
export const MOUNTED_TOKEN_SECONDS = 3607;
/** The extended life: programs of old read their token once and never again. */
const EXTENDED_SECONDS = 365 * 24 * 3600;

/** The claims of a new token (KEP-1205 bound service account tokens, KEP-4193 their node and id). */
export function tokenClaims(input: TokenInput): TokenClaims {
  const { nowSeconds, namespace, account, pod, node, secret, seconds } = input;
  const own = input.audiences.every((one) => input.ownAudiences.includes(one));
  const extended = own && pod !== undefined && seconds === MOUNTED_TOKEN_SECONDS;
  return {
    aud: input.audiences,
    exp: nowSeconds + (extended ? EXTENDED_SECONDS : seconds),
    iat: nowSeconds,
    iss: input.issuer,
    jti: input.id,
    'kubernetes.io': {
      namespace,
      ...(node && { node }),
      ...(pod && { pod }),
      ...(secret && { secret }),
      serviceaccount: account,
      ...(extended && { warnafter: nowSeconds + seconds }),
    },
    nbf: nowSeconds,
    sub: `system:serviceaccount:${namespace}:${account.name}`,
  };
}

/** Who shows a token with these claims. */
export interface TokenUser {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export function tokenUser(claims: TokenClaims): TokenUser {
  const { namespace, serviceaccount, pod, node } = claims['kubernetes.io'];
  const extra: Record<string, readonly string[]> = {};
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) extra[`authentication.kubernetes.io/${name}`] = [value];
  };
  add('credential-id', `JTI=${claims.jti}`);
  add('node-name', node?.name);
  add('node-uid', node?.uid);
  add('pod-name', pod?.name);
  add('pod-uid', pod?.uid);
  return {
    name: claims.sub,
    uid: serviceaccount.uid,
    groups: [
      'system:serviceaccounts',
      `system:serviceaccounts:${namespace}`,
      'system:authenticated',
    ],
    extra,
  };
}

/** What the validity of a token depends on, as it is now. */
export interface TokenSurroundings {
  readonly nowSeconds: number;
  /** The uid of an object of the token's namespace; undefined: it does not exist, or has been on its way out too long. */
  uidOf(kind: 'ServiceAccount' | 'Pod' | 'Secret', name: string): string | undefined;
}

/** How far clocks may differ, and how long a token outlives the deletion of its pod, in seconds. */
export const TOKEN_LEEWAY_S = 60;

/** Why a token with a good signature is not taken; undefined: it is. The sentences are the real server's. */
export function tokenProblem(claims: TokenClaims, now: TokenSurroundings): string | undefined {
  if (now.nowSeconds > claims.exp + TOKEN_LEEWAY_S) return 'service account token has expired';
  if (now.nowSeconds < claims.nbf - TOKEN_LEEWAY_S) return 'service account token is not valid yet';
  const { serviceaccount, pod, secret } = claims['kubernetes.io'];
  const account = now.uidOf('ServiceAccount', serviceaccount.name);
  if (account === undefined) return `serviceaccounts "${serviceaccount.name}" not found`;
  if (account !== serviceaccount.uid)
    return `service account UID (${account}) does not match claim (${serviceaccount.uid})`;
  for (const [kind, ref] of [['Pod', pod] as const, ['Secret', secret] as const]) {
    if (ref === undefined) continue;
    const uid = now.uidOf(kind, ref.name);
    if (uid === undefined) return 'service account token has been invalidated';
    if (uid !== ref.uid)
      return `${kind.toLowerCase()} UID (${uid}) does not match service account ${kind.toLowerCase()} ref claim (${ref.uid})`;
  }
  return undefined;
}

const REFRESH_SHARE = 0.8;
const REFRESH_AFTER_MAX_MS = 24 * 3600_000;

/**
 * How long after its issue a mounted token is replaced: at 80 % of its life, at the latest after a day
 * (Kubernetes, projected volumes).
 */
export function tokenRefreshMs(seconds: number): number {
  return Math.min(seconds * 1000 * REFRESH_SHARE, REFRESH_AFTER_MAX_MS);
}
