/**
 * A server that speaks stdio: the bridge runs in the server's own container, since nobody else can start its program. An init
 * container brings it there from the image that we have anyway.
 */
import type { McpCluster } from '../../api/index.ts';

const VOLUME = 'sidecar-bridge';
const PATH = '/mcp-cluster';
const INSTALLER = 'bridge';

const isStdio = ({ spec }: McpCluster): boolean => spec.server.transport === 'Stdio';

/** Copies Node and the program to the volume; it ends before anything else of the pod starts. */
export function bridgeInstaller(
  cluster: McpCluster,
  image: string,
  securityContext: object,
): object[] {
  if (!isStdio(cluster)) return [];
  return [
    {
      name: INSTALLER,
      image,
      args: ['install-bridge', PATH],
      securityContext,
      terminationMessagePolicy: 'FallbackToLogsOnError',
      volumeMounts: [{ name: VOLUME, mountPath: PATH }],
    },
  ];
}

export function bridgeVolumes(cluster: McpCluster): object[] {
  return isStdio(cluster) ? [{ name: VOLUME, emptyDir: {} }] : [];
}

/** Command and arguments of the server's container: the bridge, and behind it the server's own. */
export function bridgeCommand(cluster: McpCluster): {
  readonly command?: readonly string[];
  readonly args?: readonly string[];
} {
  if (!isStdio(cluster)) return {};
  const { command = [], args = [], port, path, stdio } = cluster.spec.server;
  return {
    command: [
      ...[`${PATH}/node`, `${PATH}/mcp-cluster.mjs`, 'bridge'],
      ...[`--port=${port}`, `--path=${path}`, `--mode=${stdio.processes}`],
      ...[`--max-children=${stdio.maxProcesses}`, `--idle-timeout=${stdio.idleTimeout}`],
      ...['--', ...command, ...args],
    ],
    args: [],
  };
}

/** The mounts of the server's container, with the bridge among them. */
export function serverMounts(cluster: McpCluster): readonly object[] | undefined {
  const { volumeMounts } = cluster.spec.server;
  if (!isStdio(cluster)) return volumeMounts;
  return [...(volumeMounts ?? []), { name: VOLUME, mountPath: PATH, readOnly: true }];
}
