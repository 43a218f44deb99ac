/** The last line that an MCP server logged, for the sentence about a pod that has a problem. */
import type { KubeClient } from '../kube/index.ts';
import type { Clock } from '../std/index.ts';
import {
  lastLine,
  SERVER_CONTAINER,
  wantsLogLine,
  type Pod,
  type SidecarReport,
} from './core/index.ts';

export interface ServerLogs {
  /** By pod name, for the pods whose problem is told better with it. Never rejects. */
  lines(
    pods: readonly Pod[],
    reports: ReadonlyMap<string, SidecarReport>,
  ): Promise<ReadonlyMap<string, string>>;
}

/** A line is read again after this time. */
const FRESH_MS = 10_000;
const LINES_READ = 10;
const PODS_REMEMBERED_MAX = 1_000;

export function createServerLogs(options: {
  readonly client: Pick<KubeClient, 'raw'>;
  readonly clock: Clock;
}): ServerLogs {
  const { client, clock } = options;
  const known = new Map<string, { line: string | undefined; readAt: number }>();
  const read = async (pod: Pod): Promise<string | undefined> => {
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    const remembered = known.get(uid);
    if (remembered !== undefined && clock.monotonic() - remembered.readAt < FRESH_MS) {
      return remembered.line;
    }
    const server = pod.status?.containerStatuses?.find(
      (container) => container.name === SERVER_CONTAINER,
    );
    const previous = server?.state?.waiting !== undefined && server.restartCount > 0;
    const path =
      `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/log` +
      `?container=${SERVER_CONTAINER}&tailLines=${LINES_READ}${previous ? '&previous=true' : ''}`;
    // A log that cannot be read only makes the sentence shorter.
    const line = await client.raw('GET', path).then(lastLine, () => undefined);
    if (known.size >= PODS_REMEMBERED_MAX) known.clear();
    known.set(uid, { line, readAt: clock.monotonic() });
    return line;
  };
  return {
    async lines(pods, reports) {
      const wanted = pods.filter((pod) => wantsLogLine(pod, reports.get(pod.metadata.name ?? '')));
      const found = await Promise.all(
        wanted.map(async (pod) => [pod.metadata.name ?? '', await read(pod)] as const),
      );
      return new Map(
        found.flatMap(([name, line]) => (line === undefined ? [] : [[name, line] as const])),
      );
    },
  };
}
