/** Services without kernel rules: one TCP forwarder for each port of each Service address, on its loopback twin. */
import { createServer, connect, type Server, type Socket } from 'node:net';
import type { Logger } from '../../telemetry/index.ts';
import type { EndpointSlice, Service, ServicePort } from '../core/index.ts';
import { twinOf } from './addresses.ts';
import { hasClusterAddress, SERVICE_NAME_LABEL } from './cluster-names.ts';

export interface Target {
  readonly address: string;
  readonly port: number;
}

interface Forwarder {
  readonly server: Server;
  readonly sockets: Set<Socket>;
  targets: readonly Target[];
  next: number;
}

/** The ready endpoints of one Service port; when none is ready, those that still serve while they end. */
export function serviceTargets(
  service: Service,
  port: ServicePort,
  slices: readonly EndpointSlice[],
): Target[] {
  const own = slices.filter(
    ({ metadata }) =>
      metadata.namespace === service.metadata.namespace &&
      metadata.labels?.[SERVICE_NAME_LABEL] === service.metadata.name,
  );
  const all = own.flatMap((slice) => {
    const number = slice.ports?.find(({ name = '' }) => name === (port.name ?? ''))?.port;
    return number === undefined
      ? []
      : (slice.endpoints ?? []).map((endpoint) => ({ endpoint, number }));
  });
  const ready = all.filter(({ endpoint }) => endpoint.conditions?.ready !== false);
  const chosen =
    ready.length > 0 ? ready : all.filter(({ endpoint }) => endpoint.conditions?.serving === true);
  const targets = chosen.flatMap(({ endpoint, number }) =>
    endpoint.addresses.map((address) => ({ address, port: number })),
  );
  return [...new Map(targets.map((one) => [`${one.address}:${one.port}`, one])).values()];
}

export interface ServiceProxy {
  /** Opens, redirects and closes forwarders so that they are what the objects say. */
  update(services: readonly Service[], slices: readonly EndpointSlice[]): void;
  /** The port a forwarder really listens on, once it does; it differs where low ports are forbidden. */
  port(service: Service, port: number): number | undefined;
  stop(): Promise<void>;
}

export interface ServiceProxyOptions {
  readonly logger: Logger;
  /** Behind the Service `default/kubernetes`, for which no control plane here writes endpoints. */
  readonly apiServer: Target;
}

const isApiServer = ({ metadata }: Service): boolean =>
  metadata.namespace === 'default' && metadata.name === 'kubernetes';

const keyOf = (address: string, port: number): string => `${address}:${port}`;

/** New connections go round-robin to the ready endpoints; a Service without one resets the connection. */
export function createServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  const forwarders = new Map<string, Forwarder>();
  const update = (services: readonly Service[], slices: readonly EndpointSlice[]): void => {
    const wanted = new Set<string>();
    for (const service of services) {
      if (!hasClusterAddress(service)) continue;
      for (const port of service.spec.ports ?? []) {
        if ((port.protocol ?? 'TCP') !== 'TCP') continue;
        const key = keyOf(service.spec.clusterIP as string, port.port);
        wanted.add(key);
        const targets = isApiServer(service)
          ? [options.apiServer]
          : serviceTargets(service, port, slices);
        const forwarder = forwarders.get(key);
        if (forwarder !== undefined) forwarder.targets = targets;
        else
          forwarders.set(
            key,
            openForwarder(service.spec.clusterIP as string, port.port, targets, options.logger),
          );
      }
    }
    for (const [key, forwarder] of forwarders) {
      if (wanted.has(key)) continue;
      forwarders.delete(key);
      void closeForwarder(forwarder);
    }
  };
  return {
    update,
    port(service, port) {
      const address = forwarders.get(keyOf(service.spec.clusterIP ?? '', port))?.server.address();
      return typeof address === 'object' ? address?.port : undefined;
    },
    async stop() {
      const all = [...forwarders.values()];
      forwarders.clear();
      await Promise.all(all.map(closeForwarder));
    },
  };
}

function openForwarder(
  address: string,
  port: number,
  targets: readonly Target[],
  logger: Logger,
): Forwarder {
  const forwarder: Forwarder = {
    server: createServer({ allowHalfOpen: true, noDelay: true }),
    sockets: new Set(),
    targets,
    next: 0,
  };
  const { server } = forwarder;
  server.on('connection', (client) => forward(client, forwarder));
  server.on('error', (error: NodeJS.ErrnoException) => {
    // Ports below 1024 need a privilege, and another laptop cluster has a Service of the same address, too, at least that
    // of its API: any other port serves whoever asks for it.
    if (error.code === 'EACCES' || error.code === 'EADDRINUSE') server.listen(0, twinOf(address));
    else logger.warn('service forwarder failed', { address, port, error: error.message });
  });
  server.listen(port, twinOf(address));
  return forwarder;
}

function forward(client: Socket, forwarder: Forwarder): void {
  const target = forwarder.targets[forwarder.next % Math.max(1, forwarder.targets.length)];
  forwarder.next += 1;
  if (target === undefined) {
    client.on('error', () => undefined);
    client.resetAndDestroy();
    return;
  }
  const upstream = connect({
    host: twinOf(target.address),
    port: target.port,
    allowHalfOpen: true,
    noDelay: true,
  });
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    forwarder.sockets.add(socket);
    // A broken side breaks the other one: the peer must see a reset, not a quiet end that looks like success.
    socket.on('error', () => other.resetAndDestroy());
    socket.on('close', () => {
      forwarder.sockets.delete(socket);
      if (!other.destroyed && (socket.errored !== null || !socket.readableEnded)) other.destroy();
    });
    socket.pipe(other);
  }
}

function closeForwarder(forwarder: Forwarder): Promise<void> {
  for (const socket of forwarder.sockets) socket.destroy();
  return new Promise((resolve) => forwarder.server.close(() => resolve()));
}
