/** An answer over Node's own: what the reader lags behind is known, and quiet streams are kept alive without a timer each. */
import type { ServerResponse } from 'node:http';
import { drained } from '../../host/index.ts';
import type { Answer } from './types.ts';

/** What all answers of a server share. */
export interface AnswerWatch {
  readonly stalledMs: number;
  monotonic(): number;
  /** The client took nothing for too long. */
  onStalled(): void;
  /** Answers that have to be looked at now and then. */
  readonly watched: Set<NodeAnswer>;
  /** One was added. */
  wake(): void;
}

export class NodeAnswer implements Answer {
  readonly #response: ServerResponse;
  readonly #watch: AnswerWatch;
  #laggingSince: number | undefined;
  #beat: { readonly everyMs: number; readonly text: string; at: number } | undefined;

  constructor(response: ServerResponse, watch: AnswerWatch) {
    this.#response = response;
    this.#watch = watch;
    // What follows an error is `close`.
    response.on('error', ignore);
  }

  send(status: number, headers: Readonly<Record<string, string>>, body: string): void {
    const response = this.#response;
    if (this.#isOver()) return;
    const head: string[] = [];
    for (const name of Object.keys(headers)) head.push(name, headers[name] as string);
    if (status === 204 || status === 304) {
      response.writeHead(status, head).end();
      return;
    }
    head.push('content-length', String(Buffer.byteLength(body)));
    response.writeHead(status, head);
    response.end(body);
  }

  begin(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.#isOver()) return;
    this.#response.writeHead(status, headers);
    this.#response.flushHeaders();
    this.#response.on('close', () => this.#watch.watched.delete(this));
    this.#response.on('drain', () => {
      this.#laggingSince = undefined;
    });
    this.#watch.watched.add(this);
    this.#watch.wake();
  }

  write(data: string | Uint8Array): boolean {
    if (this.#isOver()) return true;
    if (this.#beat !== undefined) this.#beat.at = this.#watch.monotonic() + this.#beat.everyMs;
    const hasRoom = this.#response.write(data);
    if (!hasRoom) this.#laggingSince ??= this.#watch.monotonic();
    return hasRoom;
  }

  drained(): Promise<void> {
    return this.#isOver() ? Promise.resolve() : drained(this.#response);
  }

  end(): void {
    if (!this.#isOver()) this.#response.end();
  }

  keepalive(everyMs: number, text: string): void {
    this.#beat = { everyMs, text, at: this.#watch.monotonic() + everyMs };
  }

  last(): void {
    this.#response.shouldKeepAlive = false;
  }

  destroy(): void {
    this.#response.destroy();
  }

  /** Cuts off a client that takes nothing, and tells one that nothing happens that the stream lives. */
  tick(now: number): void {
    if (this.#laggingSince !== undefined) {
      if (now - this.#laggingSince <= this.#watch.stalledMs) return;
      this.#watch.onStalled();
      this.destroy();
    } else if (this.#beat !== undefined && now > this.#beat.at) this.write(this.#beat.text);
  }

  #isOver(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }
}

const ignore = (): void => undefined;
