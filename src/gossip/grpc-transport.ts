/** Gossip over gRPC: unary calls with short deadlines, one connection to each address that is in use. */
import { createChannel, RpcError, services } from '../rpc/index.ts';
import type { ChannelOptions, RpcChannel, RpcServer, Wire } from '../rpc/index.ts';
import { maySpeakAs } from '../rpc/index.ts';
import type { Clock, Random } from '../std/index.ts';
import type {
  GossipRequest,
  GossipResponse,
  MemberRecord,
  MemberState,
  ProbeOutcome,
} from './core/model.ts';
import { CallFailure, type GossipTransport } from './ports.ts';

/** Connections that nobody used for so long are closed: members come and go. */
const IDLE_MS = 60_000;

export interface GrpcTransportOptions {
  readonly rpcServer: Pick<RpcServer, 'addService'>;
  readonly tls: ChannelOptions['tls'];
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Where an address (`host:port`) is now, and the name in its certificate; by default what it says. */
  readonly peers?: {
    resolve(address: string): Promise<{ host: string; port: number }>;
    serverName(address: string): string;
  };
}

const parse = (address: string): { host: string; port: number } => {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
};
const BY_ADDRESS = {
  resolve: async (address: string) => parse(address),
  serverName: (address: string) => parse(address).host,
};

/** The service is added at once: create the transport before the server listens. */
export function createGrpcTransport(options: GrpcTransportOptions): GossipTransport {
  const { rpcServer, clock, peers = BY_ADDRESS, ...identity } = options;
  const channels = new Map<string, { readonly channel: RpcChannel; usedAt: number }>();

  const channelTo = (address: string): RpcChannel => {
    const now = clock.monotonic();
    for (const [other, { channel, usedAt }] of channels) {
      if (now - usedAt > IDLE_MS && channels.delete(other)) channel.close();
    }
    const known = channels.get(address);
    if (known !== undefined) {
      known.usedAt = now;
      return known.channel;
    }
    const channel = createChannel({
      ...identity,
      clock,
      resolve: () => peers.resolve(address),
      serverName: peers.serverName(address),
    });
    channels.set(address, { channel, usedAt: now });
    return channel;
  };

  return {
    async call(address, request, timeoutMs) {
      const client = channelTo(address).client(services.gossip);
      const deadline = clock.monotonic() + timeoutMs;
      const attempt = async (): Promise<GossipResponse> =>
        decodeResponse(
          await client.exchange(encodeRequest(request), {
            timeoutMs: Math.max(1, deadline - clock.monotonic()),
          }),
        );
      try {
        // A connection that breaks under a call says nothing; what the next attempt meets does.
        return await attempt().catch((error: unknown) =>
          isBroken(error) && clock.monotonic() < deadline ? attempt() : Promise.reject(error),
        );
      } catch (error) {
        const { message, connection } = error as RpcError;
        throw new CallFailure(message, connection === 'refused');
      }
    },
    serve(handler) {
      rpcServer.addService(services.gossip, {
        async exchange(wire, { caller }) {
          if (!maySpeakAs(caller, wire.from)) {
            throw new RpcError('permission-denied', `the certificate is not that of ${wire.from}`);
          }
          return await handler(decodeRequest(wire));
        },
      });
    },
    stop() {
      for (const { channel } of channels.values()) channel.close();
      channels.clear();
    },
  };
}

const isBroken = (error: unknown): boolean =>
  error instanceof RpcError &&
  error.code === 'unavailable' &&
  (error.connection === undefined || error.connection === 'reset');

function encodeRequest(request: GossipRequest): Wire.GossipRequestInput {
  const { kind, from, records } = request;
  return {
    kind,
    from,
    targetId: 'targetId' in request ? request.targetId : '',
    targetAddress: 'targetAddress' in request ? request.targetAddress : '',
    records: [...records],
  };
}

/** Throws {@link RpcError} for what no member of this version says. */
function decodeRequest(wire: Wire.GossipRequest): GossipRequest {
  const { kind, from, targetId, targetAddress } = wire;
  const records = wire.records.map(decodeRecord);
  switch (kind) {
    case 'ping':
      return { kind, from, targetId, records };
    case 'relay':
      return { kind, from, targetId, targetAddress, records };
    case 'sync':
    case 'news':
      return { kind, from, records };
    default:
      throw new RpcError('invalid-argument', `unknown kind of gossip: ${kind}`);
  }
}

function decodeResponse(wire: Wire.GossipResponse): GossipResponse {
  return {
    from: wire.from,
    outcome: oneOf(OUTCOMES, wire.outcome),
    records: wire.records.map(decodeRecord),
  };
}

const STATES: readonly MemberState[] = ['alive', 'suspect', 'dead', 'left'];
const OUTCOMES: readonly ProbeOutcome[] = ['ok', 'silent', 'refused'];

function decodeRecord(wire: Wire.MemberRecord): MemberRecord {
  const { id, address, incarnation, version, load, meta } = wire;
  return { id, address, incarnation, version, load, meta, state: oneOf(STATES, wire.state) };
}

function oneOf<T extends string>(allowed: readonly T[], value: string): T {
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw new RpcError('invalid-argument', `unknown value: ${value}`);
  return found;
}
