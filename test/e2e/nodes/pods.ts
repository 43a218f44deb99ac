/** Pods of the suite's own: a program in the image under test, which holds Node and nothing to install more with. */
import type { KubeObject } from '../../../src/kube/index.ts';

interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
}

export type PodStatus = KubeObject & {
  readonly spec?: { readonly nodeName?: string };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
};

const RESTRICTED = {
  allowPrivilegeEscalation: false,
  runAsNonRoot: true,
  runAsUser: 65_532,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

export interface PlainContainer {
  readonly name: string;
  readonly image: string;
  /** JavaScript. */
  readonly program: string;
  readonly variables?: Readonly<Record<string, string>>;
}

export function plainContainer({ name, image, program, variables = {} }: PlainContainer): object {
  return {
    name,
    image,
    command: ['/usr/local/bin/node', '-e', program],
    env: Object.entries(variables).map(([key, value]) => ({ name: key, value })),
    securityContext: RESTRICTED,
  };
}

export interface PlainPod {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly container: object;
  readonly volumes?: readonly object[];
}

/** A pod on `node` that runs the container once, whatever is wrong with the node. */
export function plainPod({ namespace, name, node, container, volumes = [] }: PlainPod): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name },
    spec: {
      nodeName: node,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ operator: 'Exists' }],
      containers: [container],
      volumes,
    },
  };
}
