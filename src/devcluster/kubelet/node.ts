/** The Node object of one machine of the laptop cluster: registration, its conditions, its heartbeat. */
import { cpus, totalmem } from 'node:os';
import {
  isAlreadyExists,
  isNotFound,
  RESOURCES,
  type KubeClient,
  type KubeResource,
} from '../../kube/index.ts';
import { microTimeText, timeText, type Clock } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { Node } from '../core/index.ts';
import { podCidrOf } from '../network/index.ts';

export interface NodeSpec {
  readonly name: string;
  readonly zone: string;
}

/** Number of the node on this machine (1..254): it decides the pods' addresses. */
export interface NumberedNode extends NodeSpec {
  readonly number: number;
}

export interface NodeOptions {
  readonly client: KubeClient;
  readonly node: NumberedNode;
  readonly hostAddress: string;
  /** Where the kubelet serves logs. */
  readonly logPort: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const HEARTBEAT_MS = 10_000;
const LEASE_SECONDS = 40;
const NOT_READY_TAINT = 'node.kubernetes.io/not-ready';
/** Kubernetes keeps one lease a node here. */
const LEASE_NAMESPACE = 'kube-node-lease';

/** Creates or refreshes the Node, marks it Ready, and renews its lease until `stop`. */
export async function registerNode(options: NodeOptions): Promise<{ stop(): void }> {
  const { client, node } = options;
  try {
    await client.create(RESOURCES.nodes, nodeObject(options));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  await client.patch(
    RESOURCES.nodes,
    { name: node.name },
    {
      type: 'merge',
      subresource: 'status',
      body: { status: nodeStatus(options) },
    },
  );
  // On a real control plane admission taints each new node; no other controller of the cluster lifts it.
  const current = await client.get<Node>(RESOURCES.nodes, { name: node.name });
  const taints = current?.spec?.taints ?? [];
  if (taints.some(({ key }) => key === NOT_READY_TAINT)) {
    const others = taints.filter(({ key }) => key !== NOT_READY_TAINT);
    await client.patch(
      RESOURCES.nodes,
      { name: node.name },
      {
        type: 'merge',
        body: { spec: { taints: others.length > 0 ? others : null } },
      },
    );
  }
  return startHeartbeat(options);
}

function startHeartbeat(options: NodeOptions): { stop(): void } {
  const { clock, logger, node } = options;
  let cancel = (): void => undefined;
  let isStopped = false;
  const beat = (): void => {
    renewLease(options)
      .catch((error: unknown) => {
        if (!isStopped)
          logger.debug('node lease was not renewed', { node: node.name, error: String(error) });
      })
      .finally(() => {
        if (!isStopped) cancel = clock.schedule(HEARTBEAT_MS, beat);
      });
  };
  beat();
  return {
    stop() {
      isStopped = true;
      cancel();
    },
  };
}

async function renewLease({ client, node, clock }: NodeOptions): Promise<void> {
  const renewTime = microTimeText(clock.wall());
  const ref = { namespace: LEASE_NAMESPACE, name: node.name };
  try {
    await client.patch(RESOURCES.leases, ref, { type: 'merge', body: { spec: { renewTime } } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const spec = { holderIdentity: node.name, leaseDurationSeconds: LEASE_SECONDS, renewTime };
    const lease: KubeResource & { spec: typeof spec } = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: ref,
      spec,
    };
    await client.create(RESOURCES.leases, lease);
  }
}

function nodeObject({ node }: NodeOptions): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      labels: {
        'kubernetes.io/hostname': node.name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': process.arch === 'x64' ? 'amd64' : process.arch,
        'topology.kubernetes.io/zone': node.zone,
        'topology.kubernetes.io/region': 'local',
      },
    },
    spec: { podCIDR: podCidrOf(node.number), podCIDRs: [podCidrOf(node.number)] } as NonNullable<
      Node['spec']
    >,
  };
}

function nodeStatus({ clock, hostAddress, logPort }: NodeOptions): Record<string, unknown> {
  const now = timeText(clock.wall());
  const resources = {
    cpu: String(cpus().length),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    'ephemeral-storage': '100Gi',
    pods: '110',
  };
  const condition = (type: string, status: string, reason: string, message: string) => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  return {
    capacity: resources,
    allocatable: resources,
    // No Hostname address: an API server would prefer it, and no name server knows it.
    addresses: [{ type: 'InternalIP', address: hostAddress }],
    daemonEndpoints: { kubeletEndpoint: { Port: logPort } },
    conditions: [
      condition(
        'MemoryPressure',
        'False',
        'KubeletHasSufficientMemory',
        'kubelet has sufficient memory available',
      ),
      condition(
        'DiskPressure',
        'False',
        'KubeletHasNoDiskPressure',
        'kubelet has no disk pressure',
      ),
      condition(
        'PIDPressure',
        'False',
        'KubeletHasSufficientPID',
        'kubelet has sufficient PID available',
      ),
      condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
    ],
    nodeInfo: {
      machineID: '',
      systemUUID: '',
      bootID: '',
      kernelVersion: '',
      osImage: 'local processes',
      containerRuntimeVersion: `process://${process.versions.node}`,
      kubeletVersion: 'v1.35.4',
      kubeProxyVersion: 'v1.35.4',
      operatingSystem: 'linux',
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    },
  };
}
