/** A link between two pods that can be cut: what runs through it breaks, and new connections pass again. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export interface CutLink {
  readonly port: number;
  /** Breaks every connection that is open now. */
  cut(): void;
  stop(): void;
}

/** Listens at `host` and passes everything on to `port` there. */
export async function startCutLink(host: string, port: number): Promise<CutLink> {
  const open = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect({ host, port });
    for (const socket of [near, far]) {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    }
    near.on('error', () => far.destroy()).once('close', () => far.destroy());
    far.on('error', () => near.destroy()).once('close', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(0, host);
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    stop() {
      server.close();
      cut();
    },
  };
}
