/** Long answers of an MCP server: passed on as they come where nobody has to look into them, else read whole. */
import type { BodyReply, PlainReply } from './exchange.ts';
import { AnswerTooLong, textOf, WHOLE_BYTES_MAX, type HttpResponse } from './http-client.ts';

export type AnswerBody =
  | { readonly type: 'whole'; readonly text: string; readonly batch: boolean }
  /** The beginning is read, the rest is not. */
  | { readonly type: 'long'; readonly chunks: AsyncIterable<Uint8Array> };

export interface ReadAnswerOptions {
  /** Bytes that are held at most; longer ones are passed on. */
  readonly heldBytesMax: number;
  /** Aborts when the reader of a long answer is gone; then the rest is not fetched. */
  readonly signal: AbortSignal;
  /** Called once when a long answer is over, in whatever way. */
  readonly done: () => void;
}

/**
 * Reads an answer that is one JSON object, until it ends or passes `heldBytesMax`. A batch is always read whole, because it
 * may hold messages which have to be translated. Rejects when the answer breaks off before either, or a batch is over
 * {@link WHOLE_BYTES_MAX}.
 */
export async function readAnswer(
  response: HttpResponse,
  options: ReadAnswerOptions,
): Promise<AnswerBody> {
  const whole = response.body.takeWhole();
  // Most answers are: then nothing has to be waited for.
  if (whole !== undefined) {
    const begins = whole.find((chunk) => beginsBatch(chunk) !== undefined);
    const batch = begins !== undefined && beginsBatch(begins) === true;
    return { type: 'whole', text: textOf(whole), batch };
  }
  const rest = response.body[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let batch: boolean | undefined;
  for (;;) {
    const next = await rest.next();
    if (next.done === true) return { type: 'whole', text: textOf(chunks), batch: batch === true };
    batch ??= beginsBatch(next.value);
    chunks.push(next.value);
    length += next.value.length;
    if (batch !== true && length > options.heldBytesMax)
      return { type: 'long', chunks: passOn(response, chunks, rest, options) };
    if (length > WHOLE_BYTES_MAX) {
      response.body.destroy();
      throw new AnswerTooLong();
    }
  }
}

/** The answer in memory, for where it becomes one event; rejects when it breaks off or is over {@link WHOLE_BYTES_MAX}. */
export async function wholeReply(reply: PlainReply | BodyReply): Promise<PlainReply> {
  if (reply.type === 'plain') return reply;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of reply.chunks) {
    length += chunk.length;
    if (length > WHOLE_BYTES_MAX) throw new Error(`an answer of over ${WHOLE_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return { type: 'plain', status: reply.status, headers: reply.headers, body: textOf(chunks) };
}

/** True when the first character that is not white space is `[`; undefined when there is none yet. */
function beginsBatch(chunk: Uint8Array): boolean | undefined {
  for (const byte of chunk) {
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue;
    return byte === 0x5b;
  }
  return undefined;
}

/** `signal` also ends an answer that nobody ever began to read. */
function passOn(
  response: HttpResponse,
  begun: Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
  { signal, done }: ReadAnswerOptions,
): AsyncIterable<Uint8Array> {
  const finish = (): void => {
    signal.removeEventListener('abort', finish);
    response.body.destroy();
    done();
  };
  signal.addEventListener('abort', finish, { once: true });
  if (signal.aborted) finish();
  return (async function* () {
    try {
      for (let chunk = begun.shift(); chunk !== undefined; chunk = begun.shift()) yield chunk;
      for (;;) {
        const next = await rest.next();
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      finish();
    }
  })();
}
