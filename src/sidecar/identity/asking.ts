/** One question to the operator for a certificate, over HTTPS: with the token of the pod, trusting the operator's own authority. */
import { readFile } from 'node:fs/promises';
import { request, type RequestOptions } from 'node:https';
import { join } from 'node:path';
import { readFileIfExists } from '../../host/index.ts';

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
const ANSWER_BYTES_MAX = 256 * 2 ** 10;
const PATH = '/certificates';

/**
 * Asks with what `directory` holds now: `token`, `operator-ca.crt` and `operator-url`, which are replaced while the pod runs.
 * Never rejects; what is told quotes no token.
 */
export async function askOperator(
  directory: string,
  pem: string,
  signal: AbortSignal,
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
    const options: RequestOptions = {
      ca,
      method: 'POST',
      headers: {
        authorization: `Bearer ${token.trim()}`,
        'content-type': 'application/pkcs10',
        'content-length': Buffer.byteLength(pem),
      },
      // The next question may be for another operator.
      agent: false,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    };
    const { status, text } = await exchange(new URL(PATH, url.trim()), options, pem);
    return answerIn(status, text);
  } catch (error) {
    return refused('no-answer', (error as Error).message);
  }
}

/** Whom the members trust, as the pod is told; undefined when it is not. */
export async function readTrusted(directory: string): Promise<string | undefined> {
  return readFile(join(directory, 'ca.crt'), 'utf8').catch(() => undefined);
}

function exchange(
  url: URL,
  options: RequestOptions,
  body: string,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const asking = request(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > ANSWER_BYTES_MAX) asking.destroy(new Error('the answer is too long'));
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    asking.on('error', reject);
    asking.end(body);
  });
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
