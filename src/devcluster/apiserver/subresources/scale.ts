/** `/scale`: the replica count of workloads and custom resources as autoscaling/v1 Scale. */
import { builtinSchema } from '../../schema/index.ts';
import type { StoredObject } from '../../objects/index.ts';
import type { Answer, Api, ApiRequest } from '../context.ts';
import { contentType, parseDocument, readObject, toObject } from '../decode.ts';
import {
  asObject,
  asObjects,
  asText,
  clone,
  isObject,
  setValueAt,
  valueAt,
  type JsonObject,
} from '../json.ts';
import { applyPatch } from '../patch.ts';
import type { ResourceDefinition } from '../registry.ts';
import { badRequest, invalid, modified } from '../status.ts';
import { problem } from '../strategy.ts';
import { requireLive, updateObject, writeMode } from '../write.ts';

interface Paths {
  readonly spec: string;
  readonly status: string;
  readonly selector: string | undefined;
}

function pathsOf(definition: ResourceDefinition): Paths {
  const custom = definition.custom?.version.subresources.scale;
  if (custom === undefined) {
    return { spec: '.spec.replicas', status: '.status.replicas', selector: '.spec.selector' };
  }
  return {
    spec: custom.specReplicasPath,
    status: custom.statusReplicasPath,
    selector: custom.labelSelectorPath,
  };
}

/** The Scale of a workload. */
export function scaleOf(definition: ResourceDefinition, object: StoredObject): StoredObject {
  const paths = pathsOf(definition);
  const selector = paths.selector && selectorText(valueAt(object, paths.selector));
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = valueAt(object, paths.spec);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      namespace,
      uid,
      resourceVersion,
      creationTimestamp,
    } as StoredObject['metadata'],
    // Go leaves a zero count out.
    spec: typeof replicas === 'number' && replicas !== 0 ? { replicas } : {},
    status: {
      replicas: valueAt(object, paths.status) ?? 0,
      ...(selector ? { selector } : {}),
    },
  };
}

/** A LabelSelector object in its text form; custom resources hold the text already. */
function selectorText(selector: unknown): string {
  if (typeof selector === 'string') return selector;
  if (!isObject(selector)) return '';
  const labels = Object.entries(asObject(selector['matchLabels'])).map(
    ([key, value]) => `${key}=${String(value)}`,
  );
  const expressions = asObjects(selector['matchExpressions']).map((one) => {
    const key = asText(one['key']);
    const values = Array.isArray(one['values']) ? one['values'].join(',') : '';
    switch (one['operator']) {
      case 'In':
        return `${key} in (${values})`;
      case 'NotIn':
        return `${key} notin (${values})`;
      case 'Exists':
        return key;
      default:
        return `!${key}`;
    }
  });
  return [...labels, ...expressions].toSorted().join(',');
}

export function getScale(api: Api, request: ApiRequest): Answer {
  const object = scaleOf(request.definition, requireLive(api, request));
  return { kind: 'object', code: 200, object };
}

export async function replaceScale(api: Api, request: ApiRequest): Promise<Answer> {
  const value = await readObject(request);
  const live = requireLive(api, request);
  return writeScale(api, request, live, value);
}

export async function patchScale(api: Api, request: ApiRequest): Promise<Answer> {
  const type = contentType(request);
  const patch = parseDocument((await request.body()).toString('utf8'));
  const live = requireLive(api, request);
  const current = scaleOf(request.definition, live);
  if (type.startsWith('application/apply-patch')) {
    if (!isObject(patch)) throw badRequest('error decoding YAML: the body is not an object');
    const spec = asObject(patch['spec']);
    return writeScale(api, request, live, {
      ...current,
      spec: { ...asObject(current['spec']), ...spec },
    });
  }
  const schema = builtinSchema('autoscaling', 'v1', 'Scale');
  const asScale = { ...request, definition: { ...request.definition, kind: 'Scale', schema } };
  return writeScale(api, request, live, applyPatch(type, asScale, current, patch));
}

/** The new count becomes a change of the workload by the same manager, under the subresource `scale`. */
function writeScale(api: Api, request: ApiRequest, live: StoredObject, value: JsonObject): Answer {
  const { definition } = request;
  const asScale = {
    ...definition,
    group: 'autoscaling',
    version: 'v1',
    kind: 'Scale',
    schema: builtinSchema('autoscaling', 'v1', 'Scale'),
  };
  const { custom: _custom, ...scaleDefinition } = asScale;
  const scale = toObject(request, value, scaleDefinition);
  const replicas = asObject(scale['spec'])['replicas'] ?? 0;
  const name = live.metadata.name ?? '';
  if (typeof replicas !== 'number' || replicas < 0) {
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, name, [
      problem.invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const version = scale.metadata.resourceVersion ?? '';
  if (version !== '' && version !== live.metadata.resourceVersion) throw modified(definition, name);
  const next = clone(live);
  setValueAt(next, pathsOf(definition).spec, replicas);
  const stored = updateObject(api, request, live, next, writeMode(request));
  return { kind: 'object', code: 200, object: scaleOf(definition, stored) };
}
