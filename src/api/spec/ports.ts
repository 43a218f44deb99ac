/** Ports of a pod: those of the sidecar, and those that the user chooses. */
import { port } from '../schema.ts';

/** Ports of the sidecar that no server and no gateway may take: peers' gateways, Raft and gossip, metrics. */
export const SIDECAR_PORTS = { gatewayPeer: 8081, peer: 7000, metrics: 9090 } as const;
const reservedPorts = Object.values(SIDECAR_PORTS).join(', ');

/** A port of the pod that the user chooses. */
export const freePort = (description: string, byDefault: number) =>
  ({
    ...port(description, byDefault),
    'x-kubernetes-validations': [
      {
        rule: `!(self in [${reservedPorts}])`,
        message: `is taken: the sidecar in the same pod listens on ${reservedPorts}`,
      },
    ],
  }) as const;
