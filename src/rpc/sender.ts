/** The sending side of a stream with a limit: a peer that stops reading costs a bounded amount of memory. */

/** Bytes that may wait in one stream before messages are refused. */
export const STREAM_BUFFER_BYTES_MAX = 8 * 2 ** 20;
/** Assumed for a message whose size the caller does not know. */
const MESSAGE_BYTES_ASSUMED = 256;

export interface Sender<Out> {
  /**
   * Hands a message to the stream; `sizeBytes` is its approximate size (default 256). False, and nothing sent, when the
   * stream is over or more than {@link STREAM_BUFFER_BYTES_MAX} bytes wait already. `taken` is called when the connection
   * took the message, which may never happen on a stream that ends.
   */
  send(message: Out, sizeBytes?: number, taken?: () => void): boolean;
  /** Bytes handed over that the connection has not taken yet. */
  waitingBytes(): number;
}

interface WritableCall {
  write(message: unknown, callback: (error?: Error | null) => void): boolean;
}

export function createSender<Out>(call: unknown): Sender<Out> {
  let waiting = 0;
  return {
    send(message, sizeBytes = MESSAGE_BYTES_ASSUMED, taken) {
      if (waiting > STREAM_BUFFER_BYTES_MAX) return false;
      waiting += sizeBytes;
      (call as WritableCall).write(message, () => {
        waiting -= sizeBytes;
        taken?.();
      });
      return true;
    },
    waitingBytes: () => waiting,
  };
}
