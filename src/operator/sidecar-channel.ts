/** The gRPC channel to one sidecar. Imported when there is a first one, see sidecar-client.ts. */
import { SIDECAR_PORTS } from '../api/index.ts';
import { createChannel, services, type RpcChannel } from '../rpc/index.ts';
import type { Clock, Random } from '../std/index.ts';
import type { SidecarTarget } from './ports.ts';

/** A channel of its own, which {@link RpcChannel.close} ends. */
export function openSidecarChannel(target: SidecarTarget, clock: Clock, random: Random) {
  const channel: RpcChannel = createChannel({
    resolve: () => Promise.resolve({ host: target.address, port: SIDECAR_PORTS.peer }),
    tls: target.tls,
    serverName: target.serverName,
    clusterId: target.clusterId,
    clock,
    random,
  });
  return { admin: channel.client(services.admin), close: () => channel.close() };
}
