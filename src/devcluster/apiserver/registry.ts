/** Which resources are served right now: the built-in table and the custom resources of established definitions. */
import type { ObjectStore, StoredObject } from '../objects/index.ts';
import {
  builtinSchema,
  compileCustomResource,
  type CompiledCustomResource,
  type CompiledSchema,
  type CompiledVersion,
} from '../schema/index.ts';
import { asObjects, asText, specOf, statusOf } from './json.ts';
import { customStrategy, strategyOf } from './kinds/index.ts';
import { BUILTIN_RESOURCES, type ResourceNames, type Subresource, type Verb } from './resources.ts';
import type { Strategy } from './strategy.ts';

export const CRDS = 'customresourcedefinitions.apiextensions.k8s.io';

/** Everything the handlers need to know of a resource. */
export interface ResourceDefinition extends ResourceNames {
  /** The table of the store; two versions or faces of one resource share it. */
  readonly storage: string;
  readonly schema: CompiledSchema | undefined;
  readonly strategy: Strategy;
  /** Set for custom resources. */
  readonly custom?: {
    readonly version: CompiledVersion;
    readonly storageVersion: string;
    /** The definition is being deleted: objects may go, none may come. */
    readonly terminating: boolean;
  };
}

export interface Registry {
  find(group: string, version: string, plural: string): ResourceDefinition | undefined;
  /** Every resource served, in the order discovery lists them. */
  all(): readonly ResourceDefinition[];
  /** Is there any resource of this group version? */
  hasVersion(group: string, version: string): boolean;
  /** The compiled custom resources that are established. */
  customResources(): readonly CompiledCustomResource[];
}

/** Store table of a resource: `pods`, `statefulsets.apps`. Both faces of events are one. */
export function storageOf(group: string, plural: string): string {
  if (group === '' || group === 'events.k8s.io') return plural;
  return `${plural}.${group}`;
}

export function createRegistry(store: ObjectStore): Registry {
  const builtins = BUILTIN_RESOURCES.map(builtinDefinition);
  const byPath = new Map(builtins.map((one) => [pathOf(one.group, one.version, one.plural), one]));
  const compiler = createCompiler();

  const definitions = (): ResourceDefinition[] => {
    const crds = store.list(CRDS);
    return (crds.ok ? crds.value.items : []).flatMap((crd) => compiler.definitionsOf(crd));
  };
  const all = (): ResourceDefinition[] => [...builtins, ...definitions()];

  return {
    find(group, version, plural) {
      const builtin = byPath.get(pathOf(group, version, plural));
      if (builtin !== undefined) return builtin;
      const crd = store.get({ resource: CRDS, namespace: '', name: `${plural}.${group}` });
      const found = crd === undefined ? [] : compiler.definitionsOf(crd);
      return found.find((one) => one.version === version);
    },
    all,
    hasVersion: (group, version) =>
      all().some((one) => one.group === group && one.version === version),
    customResources() {
      const crds = store.list(CRDS);
      const items = crds.ok ? crds.value.items : [];
      return items.filter(isEstablished).flatMap((crd) => compiler.compile(crd) ?? []);
    },
  };
}

interface Compiler {
  compile(crd: StoredObject): CompiledCustomResource | undefined;
  definitionsOf(crd: StoredObject): readonly ResourceDefinition[];
}

/** Compiling a schema is slow, so it is done once for each generation of a definition. */
function createCompiler(): Compiler {
  const compiled = new Map<string, { id: string; result: CompiledCustomResource | undefined }>();
  const definitions = new WeakMap<StoredObject, readonly ResourceDefinition[]>();
  const compile = (crd: StoredObject): CompiledCustomResource | undefined => {
    const { name = '', uid, generation } = crd.metadata;
    const id = `${uid}/${generation}`;
    const known = compiled.get(name);
    if (known?.id === id) return known.result;
    const result = compileCustomResource(crd);
    compiled.set(name, { id, result: result.ok ? result.value : undefined });
    return result.ok ? result.value : undefined;
  };
  return {
    compile,
    definitionsOf(crd) {
      const known = definitions.get(crd);
      if (known !== undefined) return known;
      const custom = isEstablished(crd) ? compile(crd) : undefined;
      const terminating = crd.metadata.deletionTimestamp !== undefined;
      const made = custom === undefined ? [] : customDefinitions(custom, terminating);
      definitions.set(crd, made);
      return made;
    },
  };
}

function isEstablished(crd: StoredObject): boolean {
  return asObjects(statusOf(crd)['conditions']).some(
    (condition) => condition['type'] === 'Established' && condition['status'] === 'True',
  );
}

function builtinDefinition(names: ResourceNames): ResourceDefinition {
  return {
    ...names,
    storage: storageOf(names.group, names.plural),
    schema: builtinSchema(names.group, names.version, names.kind),
    strategy: strategyOf(names.group, names.plural),
  };
}

const CUSTOM_VERBS: readonly Verb[] = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
];

function customDefinitions(
  custom: CompiledCustomResource,
  terminating: boolean,
): ResourceDefinition[] {
  const storageVersion = custom.versions.find((version) => version.storage)?.name ?? '';
  return custom.versions
    .filter((version) => version.served)
    .map((version) => ({
      ...custom.names,
      group: custom.group,
      version: version.name,
      namespaced: custom.scope === 'Namespaced',
      verbs: CUSTOM_VERBS,
      subresources: customSubresources(custom, version),
      storage: storageOf(custom.group, custom.names.plural),
      schema: version.schema,
      strategy: customStrategy(version.subresources.status),
      custom: { version, storageVersion, terminating },
    }));
}

function customSubresources(
  custom: CompiledCustomResource,
  version: CompiledVersion,
): Subresource[] {
  const verbs: readonly Verb[] = ['get', 'patch', 'update'];
  const { status, scale } = version.subresources;
  return [
    ...(status
      ? [
          {
            name: 'status',
            group: custom.group,
            version: version.name,
            kind: custom.names.kind,
            verbs,
          },
        ]
      : []),
    ...(scale === undefined
      ? []
      : [{ name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs }]),
  ];
}

const pathOf = (group: string, version: string, plural: string): string =>
  `${group}/${version}/${plural}`;

/** The names a definition claims, for the check that no two claim the same. */
export function claimedNames(crd: StoredObject): { group: string; plural: string; kind: string } {
  const spec = specOf(crd);
  const names = spec['names'] as Record<string, unknown> | undefined;
  return {
    group: asText(spec['group']),
    plural: asText(names?.['plural']),
    kind: asText(names?.['kind']),
  };
}
