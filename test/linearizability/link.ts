/** A TCP proxy for one direction of dialling between two members: the place where partitions are made. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * `open`: bytes flow. `mute`: what the dialler sends is held back, answers flow. `hold`: nothing flows either way, as behind
 * a firewall that drops packets. `cut`: connections are reset and new ones refused. What was held flows once it is open again.
 */
export type LinkMode = 'open' | 'mute' | 'hold' | 'cut';

interface Pair {
  readonly dialler: Socket;
  readonly target: Socket;
}

export class Link {
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #mode: LinkMode = 'open';

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((dialler) => this.#accept(dialler));
  }

  /** Listens on a free port of 127.0.0.1 for connections to `targetPort`. */
  static async create(targetPort: number): Promise<Link> {
    const link = new Link(targetPort);
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  set(mode: LinkMode): void {
    this.#mode = mode;
    for (const pair of this.#pairs) this.#apply(pair);
  }

  close(): void {
    this.set('cut');
    this.#server.close();
  }

  #accept(dialler: Socket): void {
    if (this.#mode === 'cut') {
      dialler.on('error', () => undefined);
      dialler.resetAndDestroy();
      return;
    }
    const target = connect(this.#targetPort, '127.0.0.1');
    const pair = { dialler, target };
    this.#pairs.add(pair);
    const over = (): void => {
      this.#pairs.delete(pair);
      dialler.destroy();
      target.destroy();
    };
    for (const [from, to] of [
      [dialler, target],
      [target, dialler],
    ] as const) {
      from.setNoDelay(true);
      from.on('error', over);
      from.on('close', over);
      from.on('data', (bytes) => {
        if (!to.write(bytes)) from.pause();
      });
      to.on('drain', () => this.#apply(pair));
    }
    this.#apply(pair);
  }

  #apply({ dialler, target }: Pair): void {
    if (this.#mode === 'cut') {
      dialler.resetAndDestroy();
      target.resetAndDestroy();
      return;
    }
    const flow = (from: Socket, to: Socket, open: boolean): void => {
      if (open && !to.writableNeedDrain) from.resume();
      else from.pause();
    };
    flow(dialler, target, this.#mode === 'open');
    flow(target, dialler, this.#mode !== 'hold');
  }
}
