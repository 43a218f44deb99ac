/** One question to the operator for a certificate, over HTTPS: with the token of the pod, trusting the operator's own authority. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { urlToHttpOptions } from 'node:url';
import { readFileIfExists } from '../../host/index.ts';
import { withinTime, type Clock } from '../../std/index.ts';
import { exchange } from '../https-exchange.ts';

/** What the operator gives. */
export interface Issued {
  /** PEM: the leaf first. */
  readonly certificate: string;
  /** PEM: whom the members of the cluster trust. */
  readonly trusted: string;
  /** RFC 3339. */
  readonly renewAfter: string;
}

export type Answer =
  | { readonly kind: 'issued'; readonly issued: Issued }
  /** `code` is one of the operator's, or `no-answer`. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

const TIMEOUT_MS = 8_000;
const ANSWER_LENGTH_MAX = 256 * 2 ** 10;
const PATH = '/certificates';

/**
 * Asks with what `directory` holds now: `token`, `operator-ca.crt` and `operator-url`, which are replaced while the pod runs.
 * Never rejects; what is told quotes no token.
 */
export async function askOperator(
  directory: string,
  pem: string,
  { clock, signal: stopped }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Answer> {
  const refused = (code: string, message: string): Answer => ({ kind: 'refused', code, message });
  try {
    const read = (name: string): Promise<string | undefined> =>
      readFileIfExists(join(directory, name));
    const [token, url, ca] = await Promise.all(
      ['token', 'operator-url', 'operator-ca.crt'].map(read),
    );
    if (token === undefined) return refused('no-answer', `there is no token in ${directory} yet`);
    if (url === undefined || ca === undefined) {
      return refused('no-answer', 'the operator has not told yet where it answers');
    }
    const where = urlToHttpOptions(new URL(PATH, url.trim()));
    const headers = {
      authorization: `Bearer ${token.trim()}`,
      'content-type': 'application/pkcs10',
    };
    // Without an agent: the next question may be for another operator.
    const target = { ...where, ca, method: 'POST', headers, agent: false };
    const { status, text } = await withinTime(
      clock,
      TIMEOUT_MS,
      (signal) => exchange({ ...target, signal }, pem, ANSWER_LENGTH_MAX),
      stopped,
    );
    return answerIn(status, text);
  } catch (error) {
    return refused('no-answer', (error as Error).message);
  }
}

/** Whom the members trust, as the pod is told; undefined when it is not. */
export async function readTrusted(directory: string): Promise<string | undefined> {
  return readFile(join(directory, 'ca.crt'), 'utf8').catch(() => undefined);
}

function answerIn(status: number, text: string): Answer {
  const answer = JSON.parse(text) as Partial<Issued> & { code?: string; message?: string };
  const { certificate, trusted, renewAfter } = answer;
  if (status === 200 && certificate !== undefined && trusted !== undefined) {
    return { kind: 'issued', issued: { certificate, trusted, renewAfter: renewAfter ?? '' } };
  }
  const { code = 'no-answer', message = `status ${status}` } = answer;
  return { kind: 'refused', code, message };
}
