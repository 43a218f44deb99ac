/** The endpoints of a Service from its pods. */
import type { Endpoint, EndpointSlice, Node, Pod, Service, ServicePort } from './kinds.ts';
import { matchesLabels } from './labels.ts';
import { isPodOver, isPodReady } from './pod-status.ts';
import { controllerReference } from './stateful-pod.ts';

const SERVICE_NAME = 'kubernetes.io/service-name';
export const SLICE_MANAGER = 'endpointslice-controller.k8s.io';

/** The slice of a Service with a selector; undefined for one whose endpoints somebody else writes. */
export function endpointSliceOf(
  service: Service,
  pods: readonly Pod[],
  nodes: readonly Node[],
): EndpointSlice | undefined {
  const { selector } = service.spec;
  if (selector === undefined || Object.keys(selector).length === 0) return undefined;
  const zones = new Map(
    nodes.map((node) => [
      node.metadata.name,
      node.metadata.labels?.['topology.kubernetes.io/zone'],
    ]),
  );
  const chosen = pods
    .filter(
      (pod) =>
        pod.metadata.namespace === service.metadata.namespace &&
        matchesLabels(selector, pod.metadata.labels) &&
        (pod.status?.podIP ?? '') !== '' &&
        !isPodOver(pod),
    )
    .sort((a, b) => ((a.metadata.name as string) < (b.metadata.name as string) ? -1 : 1));
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service.metadata.name}-slice`,
      namespace: service.metadata.namespace as string,
      labels: {
        ...service.metadata.labels,
        [SERVICE_NAME]: service.metadata.name as string,
        'endpointslice.kubernetes.io/managed-by': SLICE_MANAGER,
        ...(service.spec.clusterIP === 'None' ? { 'service.kubernetes.io/headless': '' } : {}),
      },
      ownerReferences: [controllerReference({ ...service, apiVersion: 'v1', kind: 'Service' })],
    },
    addressType: 'IPv4',
    endpoints: chosen.map((pod) => endpointOf(service, pod, zones.get(pod.spec.nodeName))),
    ports: (service.spec.ports ?? []).flatMap((port) => {
      const number = targetPort(port, chosen);
      return number === undefined
        ? []
        : [{ name: port.name ?? '', port: number, protocol: port.protocol ?? 'TCP' }];
    }),
  };
}

function endpointOf(service: Service, pod: Pod, zone: string | undefined): Endpoint {
  const isTerminating = pod.metadata.deletionTimestamp !== undefined;
  const isServing = isPodReady(pod);
  const isPublished = service.spec.publishNotReadyAddresses === true;
  const { hostname, subdomain, nodeName } = pod.spec;
  return {
    addresses: [pod.status?.podIP as string],
    conditions: {
      ready: isPublished || (isServing && !isTerminating),
      serving: isServing,
      terminating: isTerminating,
    },
    ...(hostname !== undefined && subdomain === service.metadata.name ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    targetRef: {
      kind: 'Pod',
      namespace: pod.metadata.namespace as string,
      name: pod.metadata.name as string,
      uid: pod.metadata.uid as string,
    },
  };
}

/** A number as it is; a name is looked up in the pods' containers. */
function targetPort(port: ServicePort, pods: readonly Pod[]): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target;
  if (/^\d+$/.test(target)) return Number(target);
  for (const { spec } of pods)
    for (const container of [...spec.containers, ...(spec.initContainers ?? [])])
      for (const { name, containerPort } of container.ports ?? [])
        if (name === target) return containerPort;
  return undefined;
}
