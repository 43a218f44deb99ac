/**
 * Makes `data/kubernetes.json` out of a running kube-apiserver: the schemas of the kinds we serve (descriptions cut to
 * one short sentence), their discovery entries and the columns of their Tables. Pure but for the `get` it is given.
 */
import type { JsonObject, JsonSchema, TableColumn } from './types.ts';
import type { BuiltinResource, KubernetesData } from './kubernetes-data.ts';

/** GET on the API server: the path, and the Accept header if not JSON; resolves to the parsed body. */
export type Get = (path: string, accept?: string) => Promise<unknown>;

/** Group versions, and the resources of them that we serve; `*` is all. */
const SERVED: Readonly<Record<string, readonly string[] | '*'>> = {
  'api/v1': [
    'bindings',
    'configmaps',
    'endpoints',
    'events',
    'namespaces',
    'nodes',
    'persistentvolumeclaims',
    'persistentvolumes',
    'pods',
    'secrets',
    'serviceaccounts',
    'services',
  ],
  'apis/apps/v1': ['controllerrevisions', 'deployments', 'replicasets', 'statefulsets'],
  'apis/batch/v1': '*',
  'apis/policy/v1': '*',
  'apis/discovery.k8s.io/v1': '*',
  'apis/coordination.k8s.io/v1': '*',
  'apis/events.k8s.io/v1': '*',
  'apis/networking.k8s.io/v1': ['networkpolicies'],
  'apis/storage.k8s.io/v1': ['storageclasses'],
  'apis/rbac.authorization.k8s.io/v1': '*',
  'apis/apiextensions.k8s.io/v1': '*',
  'apis/authorization.k8s.io/v1': '*',
  'apis/authentication.k8s.io/v1': ['tokenreviews', 'selfsubjectreviews'],
};
/** Documents whose schemas are wanted although no resource of the group is served by itself. */
const EXTRA_DOCUMENTS = ['apis/autoscaling/v1'];
const EXTRA_SCHEMAS =
  /\.(Scale|Eviction|Binding|Status|DeleteOptions|WatchEvent|APIResourceList|APIGroup|APIGroupList|APIVersions|TokenRequest|Patch)$/;
const DESCRIPTION_MAX = 100;

interface ApiResource {
  name: string;
  singularName: string;
  namespaced: boolean;
  group?: string;
  version?: string;
  kind: string;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
}

/** Asks the server for everything and returns the data, keys sorted, ready to be written as JSON. */
export async function generateKubernetesData(get: Get): Promise<KubernetesData> {
  const version = (await get('/version')) as { gitVersion: string };
  const resources: BuiltinResource[] = [];
  const columns: Record<string, TableColumn[]> = {};
  const schemas = new Map<string, JsonSchema>();
  for (const path of [...Object.keys(SERVED), ...EXTRA_DOCUMENTS]) {
    const document = (await get(`/openapi/v3/${path}`)) as {
      components: { schemas: Record<string, JsonSchema> };
    };
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      schemas.set(name, schema);
    }
  }
  for (const [path, served] of Object.entries(SERVED)) {
    const list = (await get(`/${path}`)) as { groupVersion: string; resources: ApiResource[] };
    for (const resource of servedResources(list, served)) {
      resources.push(resource);
      if (!resource.verbs.includes('list')) continue;
      const table = (await get(
        `/${path}/${resource.plural}?limit=1`,
        'application/json;as=Table;v=v1;g=meta.k8s.io',
      )) as { columnDefinitions: TableColumn[] };
      columns[`${resource.plural}.${resource.group}`] = table.columnDefinitions.map((column) => ({
        ...column,
        description: shortDescription(column.description, 60),
      }));
    }
  }
  return {
    attribution:
      'Derived from the OpenAPI v3 documents of Kubernetes (https://kubernetes.io), Copyright The Kubernetes Authors, ' +
      'Apache-2.0. Generated: do not edit.',
    kubernetes: version.gitVersion,
    resources,
    columns,
    schemas: trimSchemas(schemas, resources),
  };
}

function servedResources(
  list: { groupVersion: string; resources: ApiResource[] },
  served: readonly string[] | '*',
): BuiltinResource[] {
  const [first = '', second] = list.groupVersion.split('/');
  const group = second === undefined ? '' : first;
  const version = second ?? first;
  return list.resources
    .filter(({ name }) => !name.includes('/') && (served === '*' || served.includes(name)))
    .map((resource) => ({
      group,
      version,
      plural: resource.name,
      singular: resource.singularName,
      kind: resource.kind,
      namespaced: resource.namespaced,
      verbs: resource.verbs,
      shortNames: resource.shortNames ?? [],
      categories: resource.categories ?? [],
      subresources: list.resources
        .filter(({ name }) => name.startsWith(`${resource.name}/`))
        .map((sub) => ({
          name: sub.name.slice(resource.name.length + 1),
          kind: sub.kind,
          ...(sub.group !== undefined && { group: sub.group }),
          ...(sub.version !== undefined && { version: sub.version }),
          verbs: sub.verbs,
        })),
    }));
}

/** The schemas of served kinds and lists and of meta/v1, with everything they refer to. */
function trimSchemas(
  all: Map<string, JsonSchema>,
  resources: readonly BuiltinResource[],
): Record<string, JsonSchema> {
  const kinds = new Set<string>();
  for (const { group, version, kind, subresources } of resources) {
    kinds.add(`${group}/${version}/${kind}`).add(`${group}/${version}/${kind}List`);
    for (const sub of subresources)
      kinds.add(`${sub.group ?? group}/${sub.version ?? version}/${sub.kind}`);
  }
  const wanted = (name: string, schema: JsonSchema): boolean =>
    EXTRA_SCHEMAS.test(name) ||
    (schema['x-kubernetes-group-version-kind'] ?? []).some(({ group, version, kind }) =>
      kinds.has(`${group}/${version}/${kind}`),
    );
  const kept = new Map<string, JsonSchema>();
  const queue = [...all].filter(([name, schema]) => wanted(name, schema)).map(([name]) => name);
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const schema = all.get(name);
    if (schema === undefined || kept.has(name)) continue;
    const trimmed = trimSchema(schema) as JsonSchema;
    const kinds = trimmed['x-kubernetes-group-version-kind'];
    // meta/v1 kinds are registered in every group of the server; only the first is of use to us.
    if (kinds !== undefined && kinds.length > 1) {
      trimmed['x-kubernetes-group-version-kind'] = kinds.slice(0, 1);
    }
    kept.set(name, trimmed);
    for (const [, reference] of JSON.stringify(trimmed).matchAll(
      /"#\/components\/schemas\/([^"]+)"/g,
    )) {
      queue.push(reference as string);
    }
  }
  return Object.fromEntries([...kept].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function trimSchema(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(trimSchema);
  if (typeof value !== 'object' || value === null) return value;
  const result: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    if (key === 'x-kubernetes-unions') continue;
    if (key === 'description' && typeof member === 'string') {
      result[key] = shortDescription(member, DESCRIPTION_MAX);
    } else result[key] = trimSchema(member);
  }
  return result;
}

/** The first sentence, cut at a word when longer than `max`. */
function shortDescription(text: string, max: number): string {
  const sentence = /^[\s\S]*?[.:](?=\s|$)/.exec(text)?.[0] ?? text;
  const line = sentence.replaceAll(/\s+/g, ' ').trim();
  if (line.length <= max) return line;
  return `${line.slice(0, line.lastIndexOf(' ', max - 2))} …`;
}
