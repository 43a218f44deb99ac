/** The admin service of a cluster's pods, as seen from a person's machine: with a certificate signed there and then. */
import { required, type Clock, type Random } from '../std/index.ts';
import { RESOURCES, type KubeClient, type KubeObject } from '../kube/index.ts';
import {
  createChannel,
  services,
  type RpcChannel,
  type RpcClient,
  type Wire,
} from '../rpc/index.ts';
import { administratorMaterial } from '../operator/index.ts';
import { staticTls } from '../security/index.ts';

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

/** Prepares a connection to each pod; nothing is dialled before the first call. Needs to read the Secret of the cluster's authority. */
export async function connectMembers(options: ConnectOptions): Promise<ClusterMembers> {
  const { client, namespace, name, clock } = options;
  const { material, clusterId } = await administratorMaterial(client, { namespace, name }, clock);
  const tls = staticTls(material);
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
      clock,
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
