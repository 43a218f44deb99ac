/** Discovery: which groups, versions and resources there are, in the aggregated and in the older form. */
import { mediaTypes } from './negotiate.ts';
import { apiVersionOf } from './decode.ts';
import type { Registry, ResourceDefinition } from './registry.ts';
import type { Subresource } from './resources.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

export interface DiscoveryAnswer {
  readonly contentType: string;
  readonly body: unknown;
}

interface GroupVersion {
  readonly group: string;
  readonly versions: readonly { version: string; resources: readonly ResourceDefinition[] }[];
}

/** Answers /api, /apis and what is below them down to a group version; undefined: not a discovery path. */
export function discover(
  registry: Registry,
  segments: readonly string[],
  options: { accept: string | undefined; address: string },
): DiscoveryAnswer | undefined {
  const [root, first, second, ...more] = segments;
  if (more.length > 0) return undefined;
  const groups = groupsOf(registry);
  if (root === 'api') return discoverCore(groups, first, second, options);
  if (root !== 'apis') return undefined;
  const named = groups.filter((group) => group.group !== '');
  if (first === undefined) {
    if (wantsAggregated(options.accept)) return aggregated(named);
    return json({ kind: 'APIGroupList', apiVersion: 'v1', groups: named.map(apiGroup) });
  }
  const group = named.find((one) => one.group === first);
  if (group === undefined) return undefined;
  if (second === undefined) return json({ kind: 'APIGroup', apiVersion: 'v1', ...apiGroup(group) });
  const version = group.versions.find((one) => one.version === second);
  return version && json(resourceList(`${first}/${second}`, version.resources));
}

function discoverCore(
  groups: readonly GroupVersion[],
  version: string | undefined,
  more: string | undefined,
  options: { accept: string | undefined; address: string },
): DiscoveryAnswer | undefined {
  const core = groups.filter((group) => group.group === '');
  if (version === undefined) {
    if (wantsAggregated(options.accept)) return aggregated(core);
    return json({
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: options.address }],
    });
  }
  if (version !== 'v1' || more !== undefined) return undefined;
  return json(resourceList('v1', core[0]?.versions[0]?.resources ?? []));
}

const json = (body: unknown): DiscoveryAnswer => ({ contentType: 'application/json', body });

function wantsAggregated(accept: string | undefined): boolean {
  const first = mediaTypes(accept).find(
    ({ type, parameters }) =>
      type === 'application/json' && (parameters['as'] === undefined || parameters['v'] === 'v2'),
  );
  return first?.parameters['as'] === 'APIGroupDiscoveryList';
}

/** Groups in order of the table; a group's versions most stable first. */
function groupsOf(registry: Registry): GroupVersion[] {
  const groups = new Map<string, Map<string, ResourceDefinition[]>>();
  for (const definition of registry.all()) {
    const versions = groups.get(definition.group) ?? new Map<string, ResourceDefinition[]>();
    groups.set(definition.group, versions);
    const resources = versions.get(definition.version) ?? [];
    versions.set(definition.version, resources);
    resources.push(definition);
  }
  return [...groups].map(([group, versions]) => ({
    group,
    versions: [...versions]
      .map(([version, resources]) => ({ version, resources }))
      .toSorted((a, b) => compareVersions(a.version, b.version)),
  }));
}

/** v2 before v1 before v1beta2 before v1beta1 before v1alpha1 before anything else. */
export function compareVersions(a: string, b: string): number {
  const rank = (version: string): [number, number, number] => {
    const parsed = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (parsed === null) return [0, 0, 0];
    const stage = { alpha: 1, beta: 2 }[parsed[2] ?? ''] ?? 3;
    return [stage, Number(parsed[1]), Number(parsed[3] ?? '0')];
  };
  const [left, right] = [rank(a), rank(b)];
  for (const index of [0, 1, 2] as const) {
    if (left[index] !== right[index]) return right[index] - left[index];
  }
  return a < b ? -1 : Number(a > b);
}

function apiGroup(group: GroupVersion): {
  name: string;
  versions: unknown[];
  preferredVersion: unknown;
} {
  const versions = group.versions.map(({ version }) => ({
    groupVersion: `${group.group}/${version}`,
    version,
  }));
  return { name: group.group, versions, preferredVersion: versions[0] };
}

function resourceList(groupVersion: string, resources: readonly ResourceDefinition[]): unknown {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: resources.flatMap((one) => [
      {
        name: one.plural,
        singularName: one.singular,
        namespaced: one.namespaced,
        kind: one.kind,
        verbs: one.verbs,
        ...(one.shortNames.length > 0 && { shortNames: one.shortNames }),
        ...(one.categories.length > 0 && { categories: one.categories }),
      },
      ...one.subresources.map((sub) => ({
        name: `${one.plural}/${sub.name}`,
        singularName: '',
        namespaced: one.namespaced,
        ...(isForeign(one, sub) && { group: sub.group, version: sub.version }),
        kind: sub.kind,
        verbs: sub.verbs,
      })),
    ]),
  };
}

/** A subresource that speaks a kind of another group names that group. */
const isForeign = (resource: ResourceDefinition, sub: Subresource): boolean =>
  sub.group !== resource.group;

function aggregated(groups: readonly GroupVersion[]): DiscoveryAnswer {
  return {
    contentType: AGGREGATED,
    body: {
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      metadata: {},
      items: groups.map((group) => ({
        metadata: group.group === '' ? {} : { name: group.group },
        versions: group.versions.map(({ version, resources }) => ({
          version,
          resources: resources.map(aggregatedResource),
          freshness: 'Current',
        })),
      })),
    },
  };
}

function aggregatedResource(one: ResourceDefinition): unknown {
  return {
    resource: one.plural,
    responseKind: responseKind(one, one),
    scope: one.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: one.singular,
    verbs: one.verbs,
    ...(one.shortNames.length > 0 && { shortNames: one.shortNames }),
    ...(one.categories.length > 0 && { categories: one.categories }),
    ...(one.subresources.length > 0 && {
      subresources: one.subresources.map((sub) => ({
        subresource: sub.name,
        responseKind: responseKind(one, sub),
        verbs: sub.verbs,
      })),
    }),
  };
}

/** Empty group and version mean "those of the resource"; custom resources write them out. */
function responseKind(
  resource: ResourceDefinition,
  spoken: { group: string; version: string; kind: string },
): unknown {
  const same = apiVersionOf(resource) === apiVersionOf(spoken);
  const { group, version, kind } = spoken;
  return same && resource.custom === undefined
    ? { group: '', version: '', kind }
    : { group, version, kind };
}
