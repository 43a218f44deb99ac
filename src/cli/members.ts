/** The admin service of a cluster's pods, as seen from a person's machine: certificates come from the cluster's Secret. */
import { required, type Clock, type Random } from '../std/index.ts';
import { RESOURCES, type KubeClient, type KubeObject } from '../kube/index.ts';
import {
  createChannel,
  services,
  type RpcChannel,
  type RpcClient,
  type Wire,
} from '../rpc/index.ts';
import { certificateClusterId, staticTls, type TlsSource } from '../security/index.ts';
import { X509Certificate } from 'node:crypto';

const PEER_PORT = 7000;

/** One pod's admin service. */
export interface MemberClient {
  readonly pod: string;
  readonly admin: RpcClient<Wire.AdminMethods>;
  readonly channel: RpcChannel;
}

export interface ClusterMembers {
  readonly members: readonly MemberClient[];
  close(): void;
}

export interface ConnectOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Name of the McpCluster. */
  readonly name: string;
  readonly pods: readonly string[];
  /** Where a pod's address is reached from here. */
  readonly addressOf: (podIp: string) => string | Promise<string>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Prepares a connection to each pod; nothing is dialled before the first call. Needs to read the cluster's TLS Secret. */
export async function connectMembers(options: ConnectOptions): Promise<ClusterMembers> {
  const { client, namespace, name } = options;
  const { tls, clusterId } = await readTls(client, namespace, `${name}-tls`);
  const members = options.pods.map((pod): MemberClient => {
    const channel = createChannel({
      resolve: async () => {
        const object = await client.get<KubeObject>(RESOURCES.pods, { namespace, name: pod });
        const podIp = (object?.['status'] as { podIP?: string } | undefined)?.podIP;
        return {
          host: await options.addressOf(required(podIp, `pod ${pod} has no address`)),
          port: PEER_PORT,
        };
      },
      tls,
      clusterId,
      serverName: `${pod}.${name}-peers.${namespace}.svc`,
      clock: options.clock,
      random: options.random,
    });
    return { pod, admin: channel.client(services.admin), channel };
  });
  return {
    members,
    close: () => {
      for (const member of members) member.channel.close();
    },
  };
}

async function readTls(
  client: KubeClient,
  namespace: string,
  name: string,
): Promise<{ tls: TlsSource; clusterId: string }> {
  const secret = required(
    await client.get<KubeObject>(RESOURCES.secrets, { namespace, name }),
    `no Secret ${namespace}/${name}`,
  );
  const data = secret['data'] as Record<string, string>;
  const pem = (key: string): string =>
    Buffer.from(required(data[key], `Secret ${name} has no ${key}`), 'base64').toString();
  const cert = pem('tls.crt');
  const subjectaltname = new X509Certificate(cert).subjectAltName;
  return {
    tls: staticTls({ ca: pem('ca.crt'), cert, key: pem('tls.key') }),
    clusterId: required(
      certificateClusterId({ subjectaltname }),
      `Secret ${name} names no cluster`,
    ),
  };
}
