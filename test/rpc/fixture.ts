/** Certificates and a server for tests of the connection between members. */
import { fromJSON } from '@grpc/proto-loader';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import {
  createChannel,
  createRpcServer,
  type ChannelOptions,
  type RpcChannel,
  type RpcServer,
  type RpcServerOptions,
  type RpcService,
} from '../../src/rpc/index.ts';
import {
  identityUri,
  createCertificateAuthority,
  issueCertificate,
  staticTls,
  type KeyPair,
  type TlsMaterial,
  type PeerIdentity,
  type TlsSource,
} from '../../src/security/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';

const now = (): Date => new Date();

export async function createAuthority(): Promise<KeyPair> {
  return createCertificateAuthority({ commonName: 'test', validityDays: 1, now: now() });
}

/** Material of a member of `clusterId`, or of somebody else there, signed by `authority`. */
export async function memberMaterial(
  authority: KeyPair,
  clusterId: string,
  as: Omit<PeerIdentity, 'clusterId'> = { role: 'shared' },
): Promise<TlsMaterial> {
  const leaf = await issueCertificate(authority, {
    commonName: 'member',
    dnsNames: ['localhost'],
    ipAddresses: [],
    uris: [identityUri({ clusterId, ...as })],
    validityDays: 1,
    now: now(),
  });
  return { ca: authority.certificate, cert: leaf.certificate, key: leaf.key };
}

export async function memberTls(clusterId = 'cluster-1'): Promise<TlsSource> {
  return staticTls(await memberMaterial(await createAuthority(), clusterId));
}

interface Text {
  text: string;
}
interface TextTypes {
  readonly requestInput: Text;
  readonly request: Text;
  readonly responseInput: Text;
  readonly response: Text;
}
type EchoMethods = {
  say: TextTypes & { kind: 'unary' };
  count: TextTypes & { kind: 'server-stream' };
  talk: TextTypes & { kind: 'bidi' };
};

const text = { requestType: 'Text', responseType: 'Text', comment: '' };
/** A service with a method of each kind, without a proto file. */
export const echoService: RpcService<EchoMethods> = {
  name: 'test.Echo',
  definition: fromJSON(
    {
      nested: {
        test: {
          nested: {
            Text: { fields: { text: { type: 'string', id: 1 } } },
            Echo: {
              methods: {
                Say: text,
                Count: { ...text, responseStream: true },
                Talk: { ...text, requestStream: true, responseStream: true },
              },
            },
          },
        },
      },
    },
    { defaults: true },
  )['test.Echo'] as unknown as RpcService<EchoMethods>['definition'],
};

export function testServer(tls: TlsSource, options: Partial<RpcServerOptions> = {}): RpcServer {
  return createRpcServer({
    address: '127.0.0.1',
    port: 0,
    tls,
    clusterId: 'cluster-1',
    logger: silentLogger,
    metrics: createMetrics(),
    ...options,
  });
}

export function testChannel(
  tls: TlsSource,
  port: () => number,
  options: Partial<ChannelOptions> = {},
): RpcChannel {
  return createChannel({
    resolve: async () => ({ host: '127.0.0.1', port: port() }),
    tls,
    serverName: 'localhost',
    clusterId: 'cluster-1',
    clock: systemClock,
    random: systemRandom,
    ...options,
  });
}
