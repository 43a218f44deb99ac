/** Decodes a watch: JSON lines from a body of chunks, up to the reason why it is over. */
import type { Clock } from '../std/index.ts';
import { statusError } from './transport.ts';
import type { KubeResource, WatchEnd, WatchEvent } from './types.ts';

/** The body of a watch. */
export interface ChunkStream extends AsyncIterable<Uint8Array> {
  destroy(): unknown;
}

export interface WatchStreamOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly resourceVersion: string;
  /** Without an event or bookmark for so long the connection counts as dead. */
  readonly silenceMaxMs: number;
  readonly lineBytesMax: number;
}

/** Thrown inside the loop to end it; the two never leave this file. */
class Expired extends Error {}
class Silent extends Error {}

/** Feeds `onEvent` in order; resolves when the stream is over and never rejects. */
export async function consumeWatch<T extends KubeResource>(
  body: ChunkStream,
  options: WatchStreamOptions,
  onEvent: (event: WatchEvent<T>) => void,
): Promise<WatchEnd> {
  let resourceVersion = options.resourceVersion;
  const silence = createSilenceTimer(body, options);
  const lines = createLineSplitter(options.lineBytesMax);
  try {
    for await (const chunk of body) {
      silence.restart();
      for (const line of lines.push(chunk)) {
        const event = parseEvent<T>(line);
        onEvent(event);
        // After the handler: an event that could not be handled is delivered again by the next watch.
        resourceVersion = event.object.metadata.resourceVersion ?? resourceVersion;
      }
    }
    if (options.signal.aborted) return { kind: 'aborted', resourceVersion };
    if (silence.expired()) throw new Silent(`no event for ${options.silenceMaxMs} ms`);
    if (lines.pending() > 0) throw new Error('the watch was cut in the middle of a line');
    return { kind: 'closed', resourceVersion };
  } catch (error) {
    if (options.signal.aborted) return { kind: 'aborted', resourceVersion };
    if (error instanceof Expired) return { kind: 'expired', resourceVersion };
    const cause = silence.expired()
      ? new Silent(`no event for ${options.silenceMaxMs} ms`)
      : (error as Error);
    return { kind: 'failed', resourceVersion, error: cause };
  } finally {
    silence.stop();
    body.destroy();
  }
}

interface SilenceTimer {
  restart(): void;
  stop(): void;
  expired(): boolean;
}

function createSilenceTimer(body: ChunkStream, options: WatchStreamOptions): SilenceTimer {
  let expired = false;
  const arm = (): (() => void) =>
    options.clock.schedule(options.silenceMaxMs, () => {
      expired = true;
      body.destroy();
    });
  let cancel = arm();
  return {
    restart() {
      cancel();
      cancel = arm();
    },
    stop: () => cancel(),
    expired: () => expired,
  };
}

interface LineSplitter {
  push(chunk: Uint8Array): string[];
  /** Bytes of an unfinished line. */
  pending(): number;
}

function createLineSplitter(lineBytesMax: number): LineSplitter {
  const decoder = new TextDecoder();
  let rest = '';
  return {
    push(chunk) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = parts.pop() ?? '';
      if (rest.length > lineBytesMax) throw new Error(`an event is longer than ${lineBytesMax}`);
      return parts.filter((line) => line.trim() !== '');
    },
    pending: () => rest.trim().length,
  };
}

interface RawEvent {
  readonly type?: unknown;
  readonly object?: {
    readonly code?: number;
    readonly reason?: string;
    readonly message?: string;
    readonly metadata?: { readonly resourceVersion?: string };
  };
}

/** Throws for a line that is no event, and for ERROR events. */
function parseEvent<T extends KubeResource>(line: string): WatchEvent<T> {
  let raw: RawEvent;
  try {
    raw = JSON.parse(line) as RawEvent;
  } catch {
    throw new Error(`a line of the watch is not JSON (${line.length} characters)`);
  }
  if (raw?.object === undefined || raw.object === null) {
    throw new Error('a line of the watch is not an event');
  }
  switch (raw.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      if (raw.object.metadata === undefined) throw new Error('an event has no metadata');
      return raw as WatchEvent<T>;
    case 'ERROR':
      if (raw.object.code === 410) throw new Expired('the resource version is too old');
      throw statusError(raw.object.code ?? 500, raw.object);
    default:
      throw new Error('an event has an unknown type');
  }
}
