/** The least of an API server around the schema functions: one object, written in every way there is. */
import {
  builtinSchema,
  compileCustomResource,
  jsonPatch,
  mergePatch,
  serverSideApply,
  strategicMerge,
  updateManagedFields,
  type ApplyFailure,
  type CompiledSchema,
  type JsonPatchOperation,
  type KubeObject,
} from '../../../src/devcluster/schema/index.ts';
import { WIDGET } from './widget.ts';

export type Operation = 'apply' | 'create' | 'update' | 'merge' | 'strategic' | 'json';

export interface Step {
  readonly op: Operation;
  readonly manager: string;
  readonly body: object;
  readonly force?: boolean;
  readonly sub?: 'status';
}

export interface Kind {
  readonly path: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly schema: CompiledSchema;
  readonly isCustom: boolean;
}

function builtin(group: string, kind: string, plural: string): Kind {
  const schema = builtinSchema(group, 'v1', kind);
  if (schema === undefined) throw new Error(kind);
  const prefix = group === '' ? '/api/v1' : `/apis/${group}/v1`;
  const apiVersion = group === '' ? 'v1' : `${group}/v1`;
  return {
    path: `${prefix}/namespaces/default/${plural}`,
    apiVersion,
    kind,
    schema,
    isCustom: false,
  };
}

const compiled = compileCustomResource(structuredClone(WIDGET) as never);
if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));

/** The custom resource of these tests, compiled. */
export const widget = compiled.value;
const [version] = widget.versions;
if (version === undefined) throw new Error('no version');
/** Its only version. */
export const widgetV1 = version;

export const KINDS = {
  cm: builtin('', 'ConfigMap', 'configmaps'),
  sts: builtin('apps', 'StatefulSet', 'statefulsets'),
  svc: builtin('', 'Service', 'services'),
  cr: {
    path: '/apis/example.com/v1/namespaces/default/widgets',
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    schema: widgetV1.schema,
    isCustom: true,
  },
} as const satisfies Record<string, Kind>;

export type Outcome =
  | { readonly object: KubeObject }
  | { readonly failure: Partial<ApplyFailure> & { message: string } };

export interface World {
  readonly kind: Kind;
  readonly name: string;
  readonly live?: KubeObject;
  readonly now: Date;
}

/** What the object becomes by `step`; what the server allocates is left out. */
export function perform(step: Step, world: World): Outcome {
  const { kind, live, now } = world;
  const request = {
    schema: kind.schema,
    manager: step.manager,
    now,
    ...(live !== undefined && { live }),
    ...(step.sub !== undefined && { subresource: step.sub }),
  };
  if (step.op === 'apply') {
    const applied = identified(step.body, world);
    const result = serverSideApply({ ...request, applied, force: step.force ?? false });
    if (!result.ok) return { failure: result.error };
    return { object: kept(placed(result.value, world), step, world) };
  }
  const changed = patched(step, world);
  if ('failure' in changed) return changed;
  const { schema } = kind;
  const object = placed(schema.prune(schema.applyDefaults(changed.object)).object, world);
  return { object: kept(updateManagedFields({ ...request, object }), step, world) };
}

function identified(body: Partial<KubeObject>, { kind, name }: World): KubeObject {
  const { apiVersion, kind: kindName } = kind;
  return { apiVersion, kind: kindName, ...body, metadata: { name, ...body.metadata } };
}

function placed(object: KubeObject, { live, name }: World): KubeObject {
  const { creationTimestamp, uid } = live?.metadata ?? {};
  const known = live === undefined ? {} : { creationTimestamp, uid };
  return {
    ...object,
    metadata: {
      ...object.metadata,
      ...known,
      name,
      namespace: 'default',
    } as KubeObject['metadata'],
  };
}

function patched(step: Step, world: World): Outcome {
  const { live, kind } = world;
  const { body } = step;
  switch (step.op as string) {
    case 'merge':
      return { object: mergePatch(live, body) as KubeObject };
    case 'strategic':
      return { object: strategicMerge(kind.schema, live as KubeObject, body as KubeObject) };
    case 'json': {
      const result = jsonPatch(live, body as JsonPatchOperation[]);
      return result.ok
        ? { object: result.value as KubeObject }
        : { failure: { message: result.error } };
    }
    default:
      return { object: identified(body, world) };
  }
}

/** What the endpoint does not write comes from the live object. */
function kept(object: KubeObject, step: Step, { live, kind }: World): KubeObject {
  const { status, ...rest } = object;
  if (step.sub === 'status' && live !== undefined) {
    const { managedFields } = object.metadata;
    const metadata = kind.isCustom ? { ...live.metadata, managedFields } : object.metadata;
    const { status: _, ...body } = live;
    return { ...body, metadata, ...(status !== undefined && { status }) } as KubeObject;
  }
  if (live?.['status'] !== undefined) return { ...object, status: live['status'] };
  return kind.isCustom ? rest : object;
}
