/** A connection to a member's control port; made when first needed, and again after it broke. */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Request, Response, WithoutId } from './protocol.ts';

/** `not-sent`: the member cannot have heard of it. `no-answer`: it may have. */
export type Exchange =
  | { readonly outcome: 'answered'; readonly response: Response }
  | { readonly outcome: 'not-sent' }
  | { readonly outcome: 'no-answer' };

export class MemberConnection {
  readonly #port: number;
  readonly #waiting = new Map<number, (exchange: Exchange) => void>();
  #socket: Promise<Socket> | undefined;
  #lastId = 0;

  constructor(port: number) {
    this.#port = port;
  }

  async request(body: WithoutId<Request>, timeoutMs: number): Promise<Exchange> {
    const deadline = AbortSignal.timeout(timeoutMs);
    const socket = await (this.#socket ??= this.#connect()).catch(() => undefined);
    // Its event is over: nobody would hear of it below.
    if (socket === undefined || deadline.aborted) return { outcome: 'not-sent' };
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const giveUp = (): void => settle({ outcome: 'no-answer' });
      const settle = (exchange: Exchange): void => {
        deadline.removeEventListener('abort', giveUp);
        this.#waiting.delete(id);
        resolve(exchange);
      };
      this.#waiting.set(id, settle);
      deadline.addEventListener('abort', giveUp, { once: true });
      socket.write(`${JSON.stringify({ id, ...body })}\n`);
    });
  }

  close(): void {
    void this.#socket?.then(
      (socket) => socket.destroy(),
      () => undefined,
    );
  }

  #connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#port, '127.0.0.1');
      socket.setNoDelay(true);
      socket.on('connect', () => resolve(socket));
      socket.on('error', reject);
      socket.on('close', () => {
        this.#socket = undefined;
        for (const settle of this.#waiting.values()) settle({ outcome: 'no-answer' });
      });
      createInterface({ input: socket })
        .on('line', (line) => {
          const response = JSON.parse(line) as Response;
          this.#waiting.get(response.id)?.({ outcome: 'answered', response });
        })
        // The socket's own error is enough.
        .on('error', () => undefined);
    });
  }
}
