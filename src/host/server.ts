/** Start and stop of a Node server, and the pace of whoever reads from it. */
import type { AddressInfo, Server } from 'node:net';
import type { Writable } from 'node:stream';

/** Connections that the kernel keeps until we accept them. */
const BACKLOG_MAX = 4_096;

/** Resolves with the address once it listens; rejects (EADDRINUSE, EACCES) when it cannot. */
export function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: BACKLOG_MAX }, () => {
      server.off('error', reject);
      server.on('error', () => undefined);
      resolve(server.address() as AddressInfo);
    });
  });
}

/** Stops listening; `cut` ends what is still open. */
export function closeServer(server: Server, cut: () => void): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    cut();
  });
}

/** Resolves when the reader has taken what was written, or is gone. */
export function drained(writable: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (!writable.writableNeedDrain || writable.destroyed) return resolve();
    const done = (): void => {
      writable.off('drain', done);
      writable.off('close', done);
      resolve();
    };
    writable.on('drain', done);
    writable.on('close', done);
  });
}
