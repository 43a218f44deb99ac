/** A repeated request goes upstream under an id of its own, and the client sees its own id in the answer. */
import { isJsonObject, readLossless } from '../../mcp/index.ts';
import type { Random } from '../../std/index.ts';
import type { Reply } from '../exchange.ts';

/** Two texts as they stand in JSON. The one upstream cannot be guessed, so whatever equals it is it. */
export interface Substitution {
  readonly upstream: string;
  readonly client: string;
}

export interface MappedId extends Substitution {
  /** The request under its new id. */
  readonly body: string;
}

/** `body` is one JSON-RPC request; undefined for what has no id. */
export function withNewId(body: string, random: Random): MappedId | undefined {
  const message = readLossless(body);
  if (!isJsonObject(message) || message['id'] === undefined) return undefined;
  const id = `retry-${Buffer.from(random.bytes(18)).toString('base64url')}`;
  return {
    body: JSON.stringify({ ...message, id }),
    upstream: JSON.stringify(id),
    client: JSON.stringify(message['id']),
  };
}

/** The answer with what the client said, wherever the server repeats it. */
export function mapReply(reply: Reply, mapped: Substitution): Reply {
  const map = (text: string): string => text.replaceAll(mapped.upstream, mapped.client);
  switch (reply.type) {
    case 'plain':
      return { ...reply, body: map(reply.body) };
    case 'stream':
      return { ...reply, events: mapEvents(reply.events, map) };
    case 'body':
      return { ...reply, chunks: mapChunks(reply.chunks, mapped) };
  }
  return reply;
}

async function* mapEvents<T extends { readonly data: string }>(
  events: AsyncIterable<T>,
  map: (text: string) => string,
): AsyncGenerator<T> {
  for await (const event of events) yield { ...event, data: map(event.data) };
}

/** The bytes of a long answer: only what might be the beginning of an id is held back. */
async function* mapChunks(
  chunks: AsyncIterable<Uint8Array>,
  { upstream, client }: Substitution,
): AsyncGenerator<Uint8Array> {
  const wanted = Buffer.from(upstream);
  const put = Buffer.from(client);
  let held = Buffer.alloc(0);
  for await (const chunk of chunks) {
    let bytes = Buffer.concat([held, chunk]);
    for (let at = bytes.indexOf(wanted); at !== -1; at = bytes.indexOf(wanted)) {
      yield Buffer.concat([bytes.subarray(0, at), put]);
      bytes = bytes.subarray(at + wanted.length);
    }
    const keep = Math.min(bytes.length, wanted.length - 1);
    if (bytes.length > keep) yield bytes.subarray(0, bytes.length - keep);
    held = bytes.subarray(bytes.length - keep);
  }
  if (held.length > 0) yield held;
}
