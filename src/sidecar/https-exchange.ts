/** One question over HTTPS whose answer is short and read whole. */
import { request, type RequestOptions } from 'node:https';

export interface Exchanged {
  readonly status: number;
  readonly text: string;
}

/**
 * Sends `body` and reads the answer, which may have `answerLengthMax` UTF-16 units. Rejects when the connection fails, `options.signal`
 * aborts or the answer is longer; no error quotes what was sent.
 */
export function exchange(
  options: Omit<RequestOptions, 'headers'> & { readonly headers: Readonly<Record<string, string>> },
  body: string,
  answerLengthMax: number,
): Promise<Exchanged> {
  const headers = { ...options.headers, 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > answerLengthMax) sent.destroy(new Error('the answer is too long'));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
