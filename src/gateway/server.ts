/** Start and stop of a Node server. */
import type { AddressInfo, Server } from 'node:net';
import type { GatewayAddress } from './config.ts';

/** Connections that the kernel keeps until we accept them. */
const BACKLOG_MAX = 4_096;

/** Resolves with the address once it listens; rejects (EADDRINUSE, EACCES) when it cannot. */
export function listen(server: Server, { host, port }: GatewayAddress): Promise<AddressInfo> {
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
