/** Start and stop of a Node server, open connections included. */
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { GatewayAddress } from './config.ts';

/** Resolves with the address once it listens; rejects (EADDRINUSE, EACCES) when it cannot. */
export function listen(server: Server | TlsServer, address: GatewayAddress): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      server.off('error', reject);
      server.on('error', () => undefined);
      resolve(server.address() as AddressInfo);
    });
  });
}

/** Stops listening and cuts what is still open. */
export function closeServer(server: Server | TlsServer, sockets: Iterable<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
  });
}
