/** What a connection of a client gives to whoever answers, and what it is told. */

export interface ConnectionLimits {
  /** One more is closed at once. */
  readonly connectionsMax: number;
  /** Bytes of a head. */
  readonly headerBytes: number;
  /** A head has to be complete so long after its first byte, or after the connection was opened. */
  readonly headMs: number;
  /** A body has to be complete so long after its head. */
  readonly bodyMs: number;
  /** A connection without a request is kept so long. */
  readonly keepAliveMs: number;
  /** A client that takes nothing of its answer for so long is cut off. */
  readonly stalledMs: number;
}

/** A request of a client. */
export interface ServerRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** By lower-case name; several of one name are joined as RFC 9110 §5.3 says, where they may come more than once. */
  readonly headers: Record<string, string>;
  /** Aborts when the client is gone before its answer is complete. */
  readonly signal: AbortSignal;
  /** Aborts `signal` although the client is still there. */
  abort(reason: Error): void;
  /** The whole body, or undefined when it is longer than `bytesMax`. Rejects when it breaks off. Call it once. */
  readBody(bytesMax: number): Promise<Uint8Array | undefined>;
}

/** The answer to a request: `send`, or `begin`, any number of `write` and `end`. Throws for a header that cannot be sent. */
export interface Answer {
  send(status: number, headers: Readonly<Record<string, string>>, body: string): void;
  begin(status: number, headers: Readonly<Record<string, string>>): void;
  /** False when the client lags; then wait for {@link drained}. */
  write(data: string | Uint8Array): boolean;
  /** Resolves when the client has taken what was written, or is gone. */
  drained(): Promise<void>;
  end(): void;
  /** Sends `text` whenever nothing was written for `everyMs` and the client does not lag. */
  keepalive(everyMs: number, text: string): void;
  /** The connection ends with this answer; says nothing any more once the answer has begun. */
  last(): void;
  /** Cuts the connection: the client sees that the answer is not complete. */
  destroy(): void;
}
