/** The names of Services and pods, as cluster DNS would answer them. */
import type { EndpointSlice, Service } from '../core/index.ts';

/** The label of an EndpointSlice that names its Service. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** Addresses by name (`service.namespace.svc`, `hostname.service.namespace.svc`); cluster addresses, not twins. */
export type ClusterNames = Readonly<Record<string, readonly string[]>>;

/** True for a Service that has an address of its own. */
export function hasClusterAddress(service: Service): boolean {
  const address = service.spec.clusterIP;
  return address !== undefined && address !== '' && address !== 'None';
}

/**
 * A Service with an address answers with it; a headless one with its ready endpoints, and every endpoint that has a host
 * name has a name of its own. Endpoints that are not ready count only where the Service publishes them (their slices
 * then say `ready`).
 */
export function clusterNames(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
): ClusterNames {
  const names: Record<string, string[]> = {};
  const byService = Map.groupBy(
    slices,
    (slice) => `${slice.metadata.labels?.[SERVICE_NAME_LABEL]}.${slice.metadata.namespace}.svc`,
  );
  for (const service of services) {
    const name = `${service.metadata.name}.${service.metadata.namespace}.svc`;
    if (hasClusterAddress(service)) names[name] = [service.spec.clusterIP as string];
    else if (service.spec.clusterIP === 'None') names[name] = [];
    for (const endpoint of (byService.get(name) ?? []).flatMap((slice) => slice.endpoints ?? [])) {
      const isReady =
        endpoint.conditions?.ready !== false || service.spec.publishNotReadyAddresses === true;
      if (!isReady) continue;
      if (!hasClusterAddress(service)) names[name]?.push(...endpoint.addresses);
      if (endpoint.hostname !== undefined)
        names[`${endpoint.hostname}.${name}`] = [...endpoint.addresses];
    }
  }
  return names;
}
