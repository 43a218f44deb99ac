/** Kinds with little of their own: configuration, identities, leases, nodes, access rules, definitions. */
import { compileCustomResource, type FieldProblem } from '../../schema/index.ts';
import type { StoredObject } from '../../objects/index.ts';
import {
  asObject,
  asText,
  clone,
  equal,
  fill,
  isObject,
  specOf,
  type JsonObject,
} from '../json.ts';
import { createStrategy, problem } from '../strategy.ts';
import { checkDataKey } from '../validation/names.ts';

function validateData(object: StoredObject, fields: readonly string[]): FieldProblem[] {
  return fields.flatMap((field) =>
    Object.keys(asObject(object[field])).flatMap((key) =>
      checkDataKey(key).map((sentence) => problem.invalid(`${field}[${key}]`, key, sentence)),
    ),
  );
}

/** An immutable ConfigMap or Secret stays as it is. */
function validateImmutable(
  object: StoredObject,
  old: StoredObject | undefined,
  fields: readonly string[],
): FieldProblem[] {
  if (old?.['immutable'] !== true) return [];
  const problems = fields
    .filter((field) => !equal(object[field], old[field]))
    .map((field) => problem.forbidden(field, 'field is immutable when `immutable` is set'));
  if (object['immutable'] !== true) {
    problems.unshift(problem.forbidden('immutable', 'field is immutable when `immutable` is set'));
  }
  return problems;
}

export const configMapStrategy = createStrategy({
  validate: (object, old) => [
    ...validateData(object, ['data', 'binaryData']),
    ...validateImmutable(object, old, ['data', 'binaryData']),
  ],
});

const TLS_TYPE = 'kubernetes.io/tls';

export const secretStrategy = createStrategy({
  validate(secret, old) {
    const problems = validateData(secret, ['data']);
    if (secret['type'] === TLS_TYPE) {
      for (const key of ['tls.crt', 'tls.key']) {
        if (asObject(secret['data'])[key] === undefined)
          problems.push(problem.required(`data[${key}]`));
      }
    }
    if (old !== undefined && old['type'] !== secret['type']) {
      problems.push(problem.invalid('type', secret['type'], 'field is immutable'));
    }
    return [...problems, ...validateImmutable(secret, old, ['data'])];
  },
  selectableFields: (secret) => ({ type: asText(secret['type']) }),
});

export const serviceAccountStrategy = createStrategy({ returnsDeleted: true });

export const leaseStrategy = createStrategy({
  unconditionalUpdate: false,
  validate(lease) {
    const seconds = specOf(lease)['leaseDurationSeconds'];
    if (typeof seconds !== 'number' || seconds > 0) return [];
    return [problem.invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0')];
  },
});

export const networkPolicyStrategy = createStrategy({
  generation: true,
  prepareForCreate(policy) {
    policy.metadata.generation = 1;
  },
});

const NODE_INFO = [
  'machineID',
  'systemUUID',
  'bootID',
  'kernelVersion',
  'osImage',
  'containerRuntimeVersion',
  'kubeletVersion',
  'kubeProxyVersion',
  'operatingSystem',
  'architecture',
];

function completeNodeStatus(status: JsonObject): JsonObject {
  const result = clone(status);
  fill(result, 'daemonEndpoints', { kubeletEndpoint: { Port: 0 } });
  fill(result, 'nodeInfo', Object.fromEntries(NODE_INFO.map((field) => [field, ''])));
  return result;
}

export const nodeStrategy = createStrategy({
  // A node registers itself together with its status.
  initialStatus: (node) => completeNodeStatus(asObject(node['status'])),
  prepareForCreate: (node) => fill(node, 'spec', {}),
  prepareForStatusUpdate(node, old) {
    node['spec'] = clone(old['spec']);
  },
  selectableFields: (node) => ({
    'spec.unschedulable': String(specOf(node)['unschedulable'] === true),
  }),
});

/** Roles and bindings: names may hold colons; what a binding grants never changes. */
export const accessStrategy = createStrategy({
  nameRule: 'path',
  createOnUpdate: true,
  validate(object, old) {
    if (old === undefined || equal(object['roleRef'], old['roleRef'])) return [];
    return [problem.invalid('roleRef', object['roleRef'], 'cannot change roleRef')];
  },
});

export const definitionStrategy = createStrategy({
  unconditionalUpdate: false,
  generation: true,
  initialStatus: (crd) => ({
    conditions: null,
    acceptedNames: { plural: '', kind: '' },
    storedVersions: storageVersions(crd),
  }),
  prepareForCreate(crd) {
    crd.metadata.generation = 1;
  },
  prepareForStatusUpdate(crd, old) {
    crd['spec'] = clone(old['spec']);
  },
  validate(crd) {
    const compiled = compileCustomResource(crd);
    return compiled.ok ? [] : compiled.error;
  },
});

function storageVersions(crd: StoredObject): string[] {
  const versions = specOf(crd)['versions'];
  return (Array.isArray(versions) ? versions : [])
    .filter(isObject)
    .filter((one) => one['storage'] === true)
    .map((one) => asText(one['name']));
}
