/** `logs`: what the containers of a cluster's pods have said, each line with the name of its pod. */
import { UsageError } from '../../host/index.ts';
import { KubeError, RESOURCES, type KubeClient } from '../../kube/index.ts';
import { podSelector } from '../core/status-view.ts';
import { attempt, findCluster, type Session } from './session.ts';

export interface LogFlags {
  readonly container: 'sidecar' | 'server';
  /** Lines of each pod. */
  readonly tail: number;
  /** Of the container's process before the last restart. */
  readonly previous?: boolean;
}

const NOT_RESTARTED = 'this container was not restarted: leave --previous out\n';

interface LogWish extends Omit<LogFlags, 'container'> {
  /** The only one of the pod when absent. */
  readonly container?: LogFlags['container'];
  /** Of the last lines the first bytes; all when absent. */
  readonly bytesMax?: number;
  readonly signal?: AbortSignal;
}

/** The last lines of one container of one pod; one that was never restarted has none of before, and is said to have none. */
export function readLog(
  client: KubeClient,
  pod: { readonly namespace: string; readonly name: string },
  { container, tail, previous = false, bytesMax, signal }: LogWish,
): Promise<string> {
  const query = new URLSearchParams({
    ...(container === undefined ? {} : { container }),
    tailLines: String(tail),
    ...(previous ? { previous: 'true' } : {}),
    ...(bytesMax === undefined ? {} : { limitBytes: String(bytesMax) }),
  });
  const path = `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}/log?${query}`;
  const reading = client.raw('GET', path, signal === undefined ? {} : { signal });
  return reading.catch((error: unknown) => {
    if (previous && error instanceof KubeError && error.status === 400) return NOT_RESTARTED;
    throw error;
  });
}

export async function logs(
  session: Session,
  { name, member }: { readonly name: string; readonly member: string | undefined },
  flags: LogFlags,
): Promise<void> {
  const { client, namespace } = session;
  await findCluster(session, name);
  const { items } = await attempt(
    session,
    'list',
    RESOURCES.pods,
    client.list(RESOURCES.pods, { namespace, labelSelector: podSelector(name) }),
  );
  const names = items.map(({ metadata }) => metadata.name ?? '').sort();
  if (names.length === 0) {
    throw new UsageError(
      `${name} has no pods: kubectl mcp status ${name}${session.flags} says why`,
    );
  }
  const wanted = names.filter((pod) => member === undefined || pod === member);
  if (wanted.length === 0) {
    throw new UsageError(`${name} has no pod ${member}: it has ${names.join(', ')}`);
  }
  const type = { ...RESOURCES.pods, plural: 'pods/log' };
  for (const pod of wanted) {
    const text = await attempt(
      session,
      'get',
      type,
      readLog(client, { namespace, name: pod }, flags),
    );
    for (const line of text.trimEnd().split('\n')) session.print(`[${pod}] ${line}`);
  }
}
