/** Which log answers `kubectl logs`, or the words of a real kubelet when there is none. */
import { err, ok, type Result } from '../../std/index.ts';
import type { ContainerLog } from './container-log.ts';
import type { PodContainer } from './container.ts';

export interface LogRefusal {
  /** HTTP status of the kubelet's answer. */
  readonly status: 400 | 404;
  readonly message: string;
}

export type LogLookup = Result<ContainerLog, LogRefusal>;

export function noSuchPod(pod: string): LogLookup {
  return err({ status: 404, message: `pod "${pod}" does not exist` });
}

/** The wording is that of the kubelet's `validateContainerLogStatus`. */
export function findLog(
  pod: string,
  name: string,
  container: Pick<PodContainer, 'log' | 'status'> | undefined,
  previous: boolean,
): LogLookup {
  const whose = `container "${name}" in pod "${pod}"`;
  if (container === undefined) return err({ status: 404, message: `${whose} is not available` });
  const log = container.log(previous);
  if (log !== undefined) return ok(log);
  if (previous) return err({ status: 400, message: `previous terminated ${whose} not found` });
  const { waiting } = container.status().state;
  const why = waiting === undefined ? ' - no logs yet' : `: ${inWords(waiting.reason)}`;
  return err({ status: 400, message: `${whose} is waiting to start${why}` });
}

function inWords(reason: string): string {
  switch (reason) {
    case 'ErrImagePull':
      return "image can't be pulled";
    case 'ImagePullBackOff':
      return 'trying and failing to pull image';
    default:
      return reason;
  }
}
