/** In which order the containers of a pod end: the kubelet's rule for native sidecars. */
import { isSidecar } from './pod-status.ts';
import type { Pod } from './kinds.ts';

/** Every container has at least this long between SIGTERM and SIGKILL, whatever hooks and turns have used up. */
export const STOP_GRACE_MIN_MS = 2_000;

/**
 * Whose end each container awaits before its SIGTERM; hooks await nobody. Sidecars await the containers and the sidecar that was
 * started next; everybody else nobody. Source: KEP-753, kubelet `newTerminationOrdering`.
 */
export function terminationOrder({ spec }: Pod): ReadonlyMap<string, readonly string[]> {
  const order = new Map<string, readonly string[]>();
  const main = spec.containers.map(({ name }) => name);
  for (const name of main) order.set(name, []);
  let next: string | undefined;
  for (const container of (spec.initContainers ?? []).toReversed()) {
    const waits = isSidecar(container);
    order.set(container.name, waits ? [...main, ...(next === undefined ? [] : [next])] : []);
    if (waits) next = container.name;
  }
  return order;
}
