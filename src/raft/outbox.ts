/** What waits for one peer: bounded in bytes and in messages, so that a peer that stops reading costs no more than that. */
import { messageBytes } from './codec.ts';
import type { Message } from './core/index.ts';

/** Bytes of messages in one batch, so that it stays below the limit of a gRPC message. */
const BATCH_BYTES_MAX = 4 * 2 ** 20;
/** Messages in one batch: a few fewer than the receiver accepts. */
const BATCH_MESSAGES_MAX = 4_096;
export const OUTBOX_BYTES_MAX = 8 * 2 ** 20;
export const OUTBOX_MESSAGES_MAX = 8_192;
/** Messages up to this size are taken until the count is at its limit: without heartbeats and votes nothing goes on at all. */
const SMALL_BYTES = 1_024;

/** A message that gRPC would refuse, and the stream with it. */
const MESSAGE_BYTES_MAX = 15 * 2 ** 20;

export interface Batch {
  readonly messages: readonly Message[];
  readonly bytes: number;
}

export class Outbox {
  #items: { readonly message: Message; readonly bytes: number }[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the message, unless it is too large for any stream or too much waits already. */
  push(message: Message): 'taken' | 'full' | 'oversized' {
    const bytes = messageBytes(message);
    if (bytes > MESSAGE_BYTES_MAX) return 'oversized';
    const full = this.#bytes + bytes > OUTBOX_BYTES_MAX && this.#items.length > 0;
    if (this.#items.length >= OUTBOX_MESSAGES_MAX || (full && bytes > SMALL_BYTES)) return 'full';
    const last = this.#items.at(-1);
    if (last !== undefined && replaces(message, last.message)) {
      this.#items.pop();
      this.#bytes -= last.bytes;
    }
    this.#items.push({ message, bytes });
    this.#bytes += bytes;
    return 'taken';
  }

  /** True when nothing waits but news of the commit index. */
  get canWait(): boolean {
    return this.#items.every(({ message }) => isCommitOnly(message));
  }

  /** Removes what goes into the next batch. */
  take(): Batch | undefined {
    if (this.#items.length === 0) return undefined;
    let count = 0;
    let total = 0;
    for (const { bytes } of this.#items) {
      if (count > 0 && (total + bytes > BATCH_BYTES_MAX || count >= BATCH_MESSAGES_MAX)) break;
      total += bytes;
      count += 1;
    }
    const messages = this.#items.splice(0, count).map(({ message }) => message);
    this.#bytes -= total;
    return { messages, bytes: total };
  }

  /** Empties it; returns what was in it. */
  clear(): readonly Message[] {
    const messages = this.#items.map(({ message }) => message);
    this.#items = [];
    this.#bytes = 0;
    return messages;
  }
}

function isCommitOnly(message: Message): boolean {
  return message.type === 'append' && message.entries.length === 0;
}

/** True when the receiver needs nothing of `before` once it has `message`. */
function replaces(message: Message, before: Message): boolean {
  if (message.term !== before.term || message.groupId !== before.groupId) return false;
  if (message.type === 'append') return isCommitOnly(before);
  return (
    message.type === 'append-response' &&
    before.type === 'append-response' &&
    !message.rejected &&
    !before.rejected &&
    message.index >= before.index
  );
}
