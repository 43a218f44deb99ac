/** The endpoints controller: EndpointSlices (and the older Endpoints) of Services that select pods. */
import { isNotFound, RESOURCES, type KubeResource, type Outcome } from '../../kube/index.ts';
import {
  endpointSliceOf,
  matchesLabels,
  SLICE_MANAGER,
  type Endpoint,
  type EndpointSlice,
  type Pod,
} from '../core/index.ts';
import { SETTLED, type ControllerContext, type RunningController } from './context.ts';
import { createWatchedController, onChangeOf } from './watched-controller.ts';
import { createMissing, deleteExactly, refOf } from './writes.ts';

export function createEndpointsController(context: ControllerContext): RunningController {
  const { informers } = context;
  return createWatchedController(context, {
    name: 'endpoints',
    triggers: [
      onChangeOf(informers.services, (one) => [`${one.metadata.namespace}/${one.metadata.name}`]),
      onChangeOf(informers.pods, (pod) => servicesOf(context, pod)),
      onChangeOf(informers.slices, ownService),
    ],
    reconcile: (key) => reconcile(context, key),
  });
}

function servicesOf({ informers }: ControllerContext, pod: Pod): string[] {
  return informers.services
    .list()
    .filter(
      ({ metadata, spec }) =>
        metadata.namespace === pod.metadata.namespace &&
        spec.selector !== undefined &&
        matchesLabels(spec.selector, pod.metadata.labels),
    )
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

/** Slices of other managers are none of our business. */
function ownService({ metadata }: EndpointSlice): string[] {
  const { labels = {}, namespace } = metadata;
  if (labels['endpointslice.kubernetes.io/managed-by'] !== SLICE_MANAGER) return [];
  return [`${namespace}/${labels['kubernetes.io/service-name']}`];
}

async function reconcile(context: ControllerContext, key: string): Promise<Outcome> {
  const { client, informers } = context;
  const service = informers.services.get(key);
  const present = informers.slices.list().filter((slice) => ownService(slice).includes(key));
  const wanted =
    service === undefined
      ? undefined
      : endpointSliceOf(service, informers.pods.list(), informers.nodes.list());
  if (wanted === undefined) {
    for (const slice of present) await deleteExactly(client, RESOURCES.endpointSlices, slice);
    return SETTLED;
  }
  const current = present.find(({ metadata }) => metadata.name === wanted.metadata.name);
  if (current === undefined) {
    const isNew = await createMissing(client, RESOURCES.endpointSlices, wanted);
    if (!isNew) return { kind: 'requeueAfter', afterMs: 50 };
  } else if (!isSame(current, wanted)) {
    const { resourceVersion } = current.metadata;
    const metadata = {
      ...wanted.metadata,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    try {
      await client.replace(RESOURCES.endpointSlices, { ...wanted, metadata });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  await writeEndpoints(context, wanted, key);
  return SETTLED;
}

function isSame(current: EndpointSlice, wanted: EndpointSlice): boolean {
  const essence = ({ endpoints, ports, metadata }: EndpointSlice): string =>
    JSON.stringify([
      (endpoints ?? []).map(sorted),
      (ports ?? []).map(sorted),
      sorted(metadata.labels ?? {}),
    ]);
  return essence(current) === essence(wanted);
}

/** Keys in one order, at every depth: servers and we write them in different ones. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

interface Endpoints extends KubeResource {
  readonly subsets?: readonly unknown[];
}

const lastEndpoints = new WeakMap<ControllerContext, Map<string, string>>();

/** The same as one `Endpoints` object, which older tools read. */
async function writeEndpoints(
  context: ControllerContext,
  slice: EndpointSlice,
  key: string,
): Promise<void> {
  const { client } = context;
  const written = lastEndpoints.get(context) ?? new Map<string, string>();
  lastEndpoints.set(context, written);
  const subsets = subsetsOf(slice);
  const text = JSON.stringify(subsets);
  if (written.get(key) === text) return;
  const service = context.informers.services.get(key);
  if (service === undefined) return;
  const object: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      ...refOf(service),
      ...(service.metadata.labels === undefined ? {} : { labels: service.metadata.labels }),
    },
    subsets,
  };
  if (!(await createMissing(client, RESOURCES.endpoints, object)))
    await client.patch(RESOURCES.endpoints, refOf(service), { type: 'merge', body: { subsets } });
  written.set(key, text);
}

function subsetsOf(slice: EndpointSlice): unknown[] {
  const address = (endpoint: Endpoint) => ({
    ip: endpoint.addresses[0],
    ...(endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname }),
    ...(endpoint.nodeName === undefined ? {} : { nodeName: endpoint.nodeName }),
    targetRef: endpoint.targetRef,
  });
  const all = slice.endpoints ?? [];
  const ready = all.filter(({ conditions }) => conditions?.ready === true).map(address);
  const notReady = all
    .filter(({ conditions }) => conditions?.ready !== true && conditions?.terminating !== true)
    .map(address);
  if (ready.length + notReady.length === 0) return [];
  return [
    {
      ...(ready.length > 0 ? { addresses: ready } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
      ...((slice.ports ?? []).length > 0 ? { ports: slice.ports } : {}),
    },
  ];
}
