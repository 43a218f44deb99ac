/** Bytes over a socket, for what no HTTP client would send. */
import { once } from 'node:events';
import { connect } from 'node:net';

export interface RawConnection {
  /** Everything received so far, as Latin-1 text. */
  readonly received: () => string;
  readonly closed: Promise<void>;
  write(bytes: string | Buffer): void;
  destroy(): void;
}

export async function openConnection(url: URL): Promise<RawConnection> {
  const socket = connect({ host: url.hostname, port: Number(url.port), allowHalfOpen: false });
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  await Promise.race([once(socket, 'connect'), closed]);
  return {
    received: () => text,
    closed,
    write: (bytes) =>
      void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    destroy: () => socket.destroy(),
  };
}

/** Sends `bytes` and returns what came until the other side closed. */
export async function exchangeBytes(url: URL, bytes: string | Buffer): Promise<string> {
  const connection = await openConnection(url);
  connection.write(bytes);
  await connection.closed;
  return connection.received();
}

/** The status codes of the answers in `text`, in order. */
export function statusesOf(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((found) => Number(found[1]));
}

/** Pseudo-random integers below a bound, the same for the same seed (mulberry32). */
export function seeded(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}
