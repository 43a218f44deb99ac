/** OpenAPI v3 documents for `kubectl explain`, completion and validation: built-in kinds and CRDs. */
import { createHash } from 'node:crypto';
import { builtinResources, kubernetesData, type BuiltinResource } from './kubernetes-data.ts';
import type { CompiledCustomResource, CompiledVersion, JsonObject, JsonSchema } from './types.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const REFERENCE = '#/components/schemas/';

interface Served {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly schema: string;
  readonly listSchema: string;
  readonly subresources: readonly string[];
  /** Of a definition: kubectl must not send it strategic merge patches. */
  readonly isCustom?: boolean;
}

/** `api/v1`, `apis/apps/v1`. */
function documentPath(group: string, version: string): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

/** Body of GET /openapi/v3. */
export function openApiDiscovery(customResources: readonly CompiledCustomResource[]): JsonObject {
  const paths = new Set(
    builtinResources().map(({ group, version }) => documentPath(group, version)),
  );
  for (const { group, versions } of customResources) {
    for (const { name, served } of versions) if (served) paths.add(documentPath(group, name));
  }
  const entries = [...paths].sort().map((path) => {
    const text = JSON.stringify(openApiDocument(path, customResources));
    const hash = createHash('sha256').update(text).digest('hex').toUpperCase();
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
  });
  return { paths: Object.fromEntries(entries) as JsonObject };
}

const builtinDocuments = new Map<string, JsonObject>();

/** Body of GET /openapi/v3/<path> with path `api/v1`, `apis/apps/v1`, …; undefined: 404. */
export function openApiDocument(
  path: string,
  customResources: readonly CompiledCustomResource[],
): JsonObject | undefined {
  const builtin = builtinResources().filter((r) => documentPath(r.group, r.version) === path);
  if (builtin.length > 0) {
    let document = builtinDocuments.get(path);
    document ??= builtinDocument(builtin);
    builtinDocuments.set(path, document);
    return document;
  }
  const versions = customResources.flatMap((resource) =>
    resource.versions
      .filter((v) => v.served && documentPath(resource.group, v.name) === path)
      .map((version) => ({ resource, version })),
  );
  return versions.length === 0 ? undefined : customDocument(versions);
}

function builtinDocument(resources: readonly BuiltinResource[]): JsonObject {
  const { schemas } = kubernetesData();
  const byKind = new Map<string, string>();
  for (const [name, schema] of Object.entries(schemas)) {
    for (const { group, version, kind } of schema['x-kubernetes-group-version-kind'] ?? []) {
      byKind.set(`${group}/${version}/${kind}`, name);
    }
  }
  const served = resources.map((resource): Served => {
    const { group, version, kind } = resource;
    return {
      ...resource,
      schema: byKind.get(`${group}/${version}/${kind}`) ?? `${META}Status`,
      listSchema: byKind.get(`${group}/${version}/${kind}List`) ?? `${META}Status`,
      subresources: resource.subresources.map(({ name }) => name),
    };
  });
  return documentOf(served, reachable(served, schemas));
}

/** The schemas that the documents of these resources refer to. */
function reachable(
  served: readonly Served[],
  schemas: Readonly<Record<string, JsonSchema>>,
): Record<string, JsonSchema> {
  const kept = new Map<string, JsonSchema>();
  const queue = [`${META}DeleteOptions`, `${META}Status`, `${META}Patch`, `${META}WatchEvent`];
  for (const { schema, listSchema } of served) queue.push(schema, listSchema);
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const schema = schemas[name];
    if (schema === undefined || kept.has(name)) continue;
    kept.set(name, schema);
    for (const [, next] of JSON.stringify(schema).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      queue.push(next as string);
    }
  }
  return Object.fromEntries([...kept].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function customDocument(
  versions: readonly { resource: CompiledCustomResource; version: CompiledVersion }[],
): JsonObject {
  const served: Served[] = [];
  const schemas: Record<string, JsonSchema> = {};
  for (const { resource, version } of versions) {
    const { group, names, scope } = resource;
    const { status, scale } = version.subresources;
    const prefix = `${group.split('.').reverse().join('.')}.${version.name}.`;
    const entry: Served = {
      group,
      version: version.name,
      plural: names.plural,
      kind: names.kind,
      namespaced: scope === 'Namespaced',
      schema: prefix + names.kind,
      listSchema: prefix + names.listKind,
      subresources: [...(status ? ['status'] : []), ...(scale === undefined ? [] : ['scale'])],
      isCustom: true,
    };
    served.push(entry);
    schemas[entry.schema] = customSchema(entry, version);
    schemas[entry.listSchema] = customList(entry, names.listKind);
  }
  return documentOf(served, { ...reachable(metadataOnly(), kubernetesData().schemas), ...schemas });
}

function metadataOnly(): Served[] {
  return ['ObjectMeta', 'ListMeta'].map((kind) => ({
    group: '',
    version: 'v1',
    plural: '',
    kind,
    namespaced: false,
    schema: META + kind,
    listSchema: META + kind,
    subresources: [],
  }));
}

const TYPE_META: Record<string, JsonSchema> = {
  apiVersion: {
    type: 'string',
    description:
      'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized ' +
      'schemas to the latest internal value, and may reject unrecognized values. More info: ' +
      'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources',
  },
  kind: {
    type: 'string',
    description:
      'Kind is a string value representing the REST resource this object represents. Servers may infer this from the ' +
      'endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: ' +
      'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds',
  },
};

function customSchema(served: Served, version: CompiledVersion): JsonSchema {
  const { schema } = version.schema;
  const { metadata: _, ...properties } = schema.properties ?? {};
  return {
    ...schema,
    properties: {
      ...properties,
      ...TYPE_META,
      metadata: {
        description:
          "Standard object's metadata. More info: " +
          'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
        allOf: [{ $ref: `${REFERENCE}${META}ObjectMeta` }],
      },
    },
    'x-kubernetes-group-version-kind': [kindOf(served)],
  };
}

function customList(served: Served, listKind: string): JsonSchema {
  return {
    description: `${listKind} is a list of ${served.kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      ...TYPE_META,
      items: {
        description: `List of ${served.plural}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
        type: 'array',
        items: { $ref: REFERENCE + served.schema },
      },
      metadata: { allOf: [{ $ref: `${REFERENCE}${META}ListMeta` }] },
    },
    'x-kubernetes-group-version-kind': [{ ...kindOf(served), kind: listKind }],
  };
}

function kindOf({ group, version, kind }: Served): {
  group: string;
  version: string;
  kind: string;
} {
  return { group, version, kind };
}

function documentOf(served: readonly Served[], schemas: Record<string, JsonSchema>): JsonObject {
  const paths: JsonObject = {};
  for (const resource of served) addPaths(paths, resource);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: kubernetesData().kubernetes },
    paths,
    components: { schemas },
  };
}

const QUERY = (name: string, type: string): JsonObject => ({
  name,
  in: 'query',
  schema: { type, uniqueItems: true },
});
const WRITE_PARAMETERS = [
  QUERY('dryRun', 'string'),
  QUERY('fieldManager', 'string'),
  QUERY('fieldValidation', 'string'),
];
const LIST_PARAMETERS = [
  QUERY('allowWatchBookmarks', 'boolean'),
  QUERY('continue', 'string'),
  QUERY('fieldSelector', 'string'),
  QUERY('labelSelector', 'string'),
  QUERY('limit', 'integer'),
  QUERY('resourceVersion', 'string'),
  QUERY('timeoutSeconds', 'integer'),
  QUERY('watch', 'boolean'),
];
const PATCH_TYPES = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
];
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';

function addPaths(paths: JsonObject, served: Served): void {
  const prefix = `/${documentPath(served.group, served.version)}`;
  const collection = `${prefix}${served.namespaced ? '/namespaces/{namespace}' : ''}/${served.plural}`;
  if (served.namespaced) {
    paths[`${prefix}/${served.plural}`] = { get: operation('list', served, served.listSchema) };
  }
  paths[collection] = {
    get: operation('list', served, served.listSchema),
    post: operation('post', served, served.schema),
    delete: operation('deletecollection', served, `${META}Status`),
    parameters: pathParameters(collection),
  };
  const item = `${collection}/{name}`;
  paths[item] = itemOperations(served, item);
  for (const subresource of served.subresources) {
    if (subresource === 'status') paths[`${item}/status`] = itemOperations(served, item);
  }
}

function itemOperations(served: Served, path: string): JsonObject {
  return {
    get: operation('get', served, served.schema),
    put: operation('put', served, served.schema),
    patch: operation('patch', served, served.schema),
    delete: operation('delete', served, `${META}Status`),
    parameters: pathParameters(path),
  };
}

function pathParameters(path: string): JsonObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', uniqueItems: true },
  }));
}

function operation(action: string, served: Served, schema: string): JsonObject {
  const reference = { schema: { $ref: REFERENCE + schema } };
  const isWrite = action === 'post' || action === 'put' || action === 'patch';
  const result: JsonObject = {
    tags: [`${served.group === '' ? 'core' : served.group}_${served.version}`],
    responses: { '200': { description: 'OK', content: { 'application/json': reference } } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': kindOf(served),
  };
  if (action === 'list') result['parameters'] = LIST_PARAMETERS;
  if (isWrite) {
    result['parameters'] =
      action === 'patch' ? [...WRITE_PARAMETERS, QUERY('force', 'boolean')] : WRITE_PARAMETERS;
    const patches = served.isCustom === true ? PATCH_TYPES : [...PATCH_TYPES, STRATEGIC_PATCH];
    const types = action === 'patch' ? patches : ['application/json'];
    const body = action === 'patch' ? { schema: { $ref: `${REFERENCE}${META}Patch` } } : reference;
    result['requestBody'] = {
      required: true,
      content: Object.fromEntries(types.map((type) => [type, body])),
    };
  }
  return result;
}
