/** Asks the Kubernetes API server whose a token is, as the service account of this pod. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReviewedToken, ReviewToken } from '../gateway/index.ts';
import { readFileIfExists } from '../host/index.ts';
import { withinTime, type Clock } from '../std/index.ts';
import { exchange } from './https-exchange.ts';

export interface TokenReviewerOptions {
  readonly host: string;
  readonly port: number;
  /** With `ca.crt`, and `token` unless the API server lets anybody ask. Both are read at each question: they are renewed. */
  readonly directory: string;
  readonly clock: Clock;
}

const TIMEOUT_MS = 5_000;
const ANSWER_LENGTH_MAX = 2 ** 20;
const PATH = '/apis/authentication.k8s.io/v1/tokenreviews';
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The API server of the cluster that this process runs in; undefined outside of one. */
export function clusterTokenReviewer(
  environment: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): ReviewToken | undefined {
  const host = environment['KUBERNETES_SERVICE_HOST'];
  const port = Number(environment['KUBERNETES_SERVICE_PORT'] ?? 443);
  if (host === undefined || host === '') return undefined;
  return createTokenReviewer({ host, port, directory: SERVICE_ACCOUNT, clock });
}

/** Rejects when there is no answer in time or it is not 201; errors quote neither token. */
export function createTokenReviewer(options: TokenReviewerOptions): ReviewToken {
  return async (token, audiences) => {
    const ca = await readFile(join(options.directory, 'ca.crt'));
    const own = (await readFileIfExists(join(options.directory, 'token')))?.trim();
    const body = JSON.stringify({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences },
    });
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(own === undefined ? {} : { authorization: `Bearer ${own}` }),
    };
    const { host, port } = options;
    const target = { host, port, ca, method: 'POST', path: PATH, headers };
    const { status, text } = await withinTime(options.clock, TIMEOUT_MS, (signal) =>
      exchange({ ...target, signal }, body, ANSWER_LENGTH_MAX),
    );
    if (status !== 201) throw new Error(`the API server answered ${status}`);
    return statusIn(text);
  };
}

interface TokenReviewStatus {
  readonly authenticated?: boolean;
  readonly audiences?: readonly string[];
  readonly user?: {
    readonly username?: string;
    readonly uid?: string;
    readonly groups?: readonly string[];
  };
}

/** The parser's own error would quote the text, and that quotes the token. */
function parseAnswer(text: string): { readonly status?: TokenReviewStatus } {
  try {
    return JSON.parse(text) as { readonly status?: TokenReviewStatus };
  } catch {
    throw new Error('the API server answered something that is not JSON');
  }
}

function statusIn(text: string): ReviewedToken {
  const { status = {} } = parseAnswer(text);
  const { username, uid = '', groups = [] } = status.user ?? {};
  return {
    authenticated: status.authenticated === true,
    audiences: status.audiences ?? [],
    ...(username === undefined ? {} : { user: { username, uid, groups } }),
  };
}
