/** The pod of a cluster: the sidecar as a native sidecar, so that it starts first and stops last, beside the server. */
import {
  CAPABILITIES_ANNOTATION,
  CONFIG_HASH_ANNOTATION,
  KEY_REVISION_ANNOTATION,
  SIDECAR_PORTS,
  objectLabels,
  selectorLabels,
  WEIGHT_ANNOTATION,
  type McpCluster,
} from '../../api/index.ts';
import { STARTUP_MS_MAX } from '../../std/index.ts';
import { authVolumes, TOKENS_PATH } from './auth-volumes.ts';
import { bridgeCommand, bridgeInstaller, bridgeVolumes, serverMounts } from './bridge.ts';
import { CONFIG_FILE, configHash } from './config.ts';
import { IDENTITY_PATH, IDENTITY_VOLUME, identityVolume } from './identity.ts';
import { givesTheWord, handOverArguments, waitsForHandOver } from './leaving-hooks.ts';
import { recoveryInForce } from './recovery.ts';
import { requestStateVariables } from './request-state-key.ts';
import { DATA_VOLUME, objectNames, SERVER_CONTAINER, SIDECAR_CONTAINER } from './names.ts';

export interface PodTemplateOptions {
  /** Image of the sidecar. */
  readonly sidecarImage: string;
  /** See `StatefulSetOptions`: a variable is read at the start, so pods follow another revision by a restart. */
  readonly keyRevision: number | undefined;
}

const USER_ID = 65_532;
/** Of pods, and of those that take backups: volumes belong to the group. */
export const POD_SECURITY = {
  runAsNonRoot: true,
  runAsUser: USER_ID,
  runAsGroup: USER_ID,
  fsGroup: USER_ID,
  seccompProfile: { type: 'RuntimeDefault' },
} as const;
const CONFIG_PATH = '/etc/mcp-cluster/config';
const POD_PATH = '/etc/mcp-cluster/pod';
const DATA_PATH = '/var/lib/mcp-cluster';
const TEMPORARY_PATH = '/tmp';

/** `restricted` of the Pod Security Standards. */
const RESTRICTED = {
  allowPrivilegeEscalation: false,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
};
/** Of containers that run our image. */
export const OUR_CONTAINER = { ...RESTRICTED, readOnlyRootFilesystem: true };

/** As files, because those follow the annotations of a running pod. */
const POD_ANNOTATIONS = [
  annotationFile('weight', WEIGHT_ANNOTATION),
  annotationFile('capabilities', CAPABILITIES_ANNOTATION),
];

/** What the environment of a sidecar says about its memory. */
export const SIDECAR_MEMORY = {
  /** A smaller young generation saves an idle sidecar some memory and costs a busy one up to half as much time again. */
  NODE_OPTIONS: '--max-semi-space-size=16',
  /** With an arena for each thread, glibc keeps a third of what the engine has given back. */
  MALLOC_ARENA_MAX: '2',
} as const;

function annotationFile(path: string, annotation: string) {
  const fieldPath = `metadata.annotations['${annotation}']`;
  return { path, fieldRef: { apiVersion: 'v1', fieldPath } };
}

export function podTemplate(cluster: McpCluster, options: PodTemplateOptions) {
  const { name } = cluster.metadata;
  const { podTemplate: template } = cluster.spec;
  return {
    metadata: {
      labels: { ...template.metadata?.labels, ...objectLabels(name) },
      annotations: {
        ...template.metadata?.annotations,
        'kubectl.kubernetes.io/default-container': SERVER_CONTAINER,
        [CONFIG_HASH_ANNOTATION]: configHash(cluster),
        ...(options.keyRevision === undefined
          ? {}
          : { [KEY_REVISION_ANNOTATION]: String(options.keyRevision) }),
      },
    },
    spec: {
      serviceAccountName: objectNames(name).serviceAccount,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: template.terminationGracePeriodSeconds,
      // Without it the sidecar does not see the server's processes, whose use it has to measure.
      ...(measuresServer(cluster) ? { shareProcessNamespace: true } : {}),
      securityContext: POD_SECURITY,
      ...given({
        nodeSelector: template.nodeSelector,
        tolerations: template.tolerations,
        imagePullSecrets: template.imagePullSecrets,
      }),
      affinity: { podAntiAffinity: antiAffinity(cluster) },
      topologySpreadConstraints: template.topologySpreadConstraints.map((constraint) => ({
        ...constraint,
        labelSelector: { matchLabels: selectorLabels(name) },
      })),
      initContainers: [
        ...bridgeInstaller(cluster, options.sidecarImage, OUR_CONTAINER),
        sidecarContainer(cluster, options.sidecarImage),
      ],
      containers: [serverContainer(cluster)],
      volumes: [
        { name: 'config', configMap: { name: objectNames(name).configMap } },
        identityVolume(cluster),
        { name: 'sidecar-tmp', emptyDir: {} },
        { name: 'sidecar-pod', downwardAPI: { items: POD_ANNOTATIONS } },
        ...authVolumes(cluster).map(({ volume }) => volume),
        ...bridgeVolumes(cluster),
        ...(template.volumes ?? []),
      ],
    },
  };
}

function measuresServer({ spec }: McpCluster): boolean {
  return spec.bulkheads.some(({ quotas }) => (quotas?.cpu ?? quotas?.memory) !== undefined);
}

function antiAffinity(cluster: McpCluster): object {
  const term = {
    topologyKey: 'kubernetes.io/hostname',
    labelSelector: { matchLabels: selectorLabels(cluster.metadata.name) },
  };
  return cluster.spec.podTemplate.antiAffinity === 'Required'
    ? { requiredDuringSchedulingIgnoredDuringExecution: [term] }
    : {
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }],
      };
}

/**
 * The server starts once the sidecar's process answers, not once the cluster has a quorum: the start-up probe asks for
 * health only, or pods would restart in turns while too few of them are up.
 */
function sidecarContainer(cluster: McpCluster, image: string): object {
  const recovery = recoveryInForce(cluster);
  return {
    name: SIDECAR_CONTAINER,
    image,
    restartPolicy: 'Always',
    args: [
      'sidecar',
      `--config=${CONFIG_PATH}/${CONFIG_FILE}`,
      `--identity-dir=${IDENTITY_PATH}`,
      `--session-db-path=${DATA_PATH}`,
      `--pod-annotations-dir=${POD_PATH}`,
      `--tokens-dir=${TOKENS_PATH}`,
      ...handOverArguments(cluster, TEMPORARY_PATH),
      ...(recovery === undefined ? [] : [`--recovery=${recovery.id}:${recovery.trustMember}`]),
    ],
    env: [
      fieldVariable('POD_NAME', 'metadata.name'),
      fieldVariable('POD_NAMESPACE', 'metadata.namespace'),
      fieldVariable('POD_IP', 'status.podIP'),
      ...Object.entries(SIDECAR_MEMORY).map(([name, value]) => ({ name, value })),
    ],
    ports: [
      { name: 'gateway', containerPort: cluster.spec.gateway.port },
      { name: 'gateway-peer', containerPort: SIDECAR_PORTS.gatewayPeer },
      { name: 'peer', containerPort: SIDECAR_PORTS.peer },
      { name: 'metrics', containerPort: SIDECAR_PORTS.metrics },
    ],
    lifecycle: givesTheWord(TEMPORARY_PATH),
    startupProbe: {
      ...probe('/healthz'),
      periodSeconds: 1,
      failureThreshold: STARTUP_MS_MAX / 1000,
    },
    readinessProbe: { ...probe('/readyz'), periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: { ...probe('/healthz'), periodSeconds: 10, failureThreshold: 3 },
    resources: { requests: { cpu: '50m', memory: '128Mi' } },
    securityContext: OUR_CONTAINER,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'config', mountPath: CONFIG_PATH, readOnly: true },
      { name: IDENTITY_VOLUME, mountPath: IDENTITY_PATH, readOnly: true },
      { name: DATA_VOLUME, mountPath: DATA_PATH },
      { name: 'sidecar-tmp', mountPath: TEMPORARY_PATH },
      { name: 'sidecar-pod', mountPath: POD_PATH, readOnly: true },
      ...authVolumes(cluster).map(({ volume, mountPath }) => ({
        name: volume.name,
        mountPath,
        readOnly: true,
      })),
    ],
  };
}

/**
 * No probes: a server that listens on the loopback address only cannot be probed from outside the pod. The sidecar
 * watches it, and what it sees decides whether clients are sent here.
 */
function serverContainer(cluster: McpCluster): object {
  const { server } = cluster.spec;
  return {
    name: SERVER_CONTAINER,
    image: server.image,
    ...given({
      imagePullPolicy: server.imagePullPolicy,
      command: server.command,
      args: server.args,
      ...bridgeCommand(cluster),
      env: serverVariables(cluster),
      envFrom: server.envFrom,
      workingDir: server.workingDir,
      resources: server.resources,
      volumeMounts: serverMounts(cluster),
    }),
    ports: [{ name: 'server', containerPort: server.port }],
    lifecycle: waitsForHandOver,
    securityContext: { ...RESTRICTED, ...server.securityContext },
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

function serverVariables(cluster: McpCluster): readonly object[] | undefined {
  const own = requestStateVariables(cluster);
  const { env } = cluster.spec.server;
  return own.length === 0 ? env : [...(env ?? []), ...own];
}

function probe(path: string) {
  return { httpGet: { path, port: 'metrics' }, timeoutSeconds: 2 };
}

function fieldVariable(name: string, fieldPath: string) {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
}

/** The fields that have a value. */
function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
