/** StatefulSets, Deployments, ReplicaSets, ControllerRevisions and disruption budgets. */
import type { StoredObject } from '../../objects/index.ts';
import type { FieldProblem } from '../../schema/index.ts';
import {
  asObject,
  asObjects,
  asText,
  clone,
  equal,
  isObject,
  specOf,
  statusOf,
  type JsonObject,
} from '../json.ts';
import { createStrategy, problem, type Strategy } from '../strategy.ts';
import { labelSelectorOf, validateLabelSelector } from '../validation/label-selector.ts';
import { validateLabels } from '../validation/metadata.ts';
import { validatePodSpec } from '../validation/pod-spec.ts';

/** Rules of a selector and the template whose pods it must find. */
function validateTemplate(spec: JsonObject): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const selector = spec['selector'];
  const template = asObject(spec['template']);
  const labels = asObject(asObject(template['metadata'])['labels']) as Record<string, string>;
  if (!isObject(selector)) problems.push(problem.required('spec.selector'));
  else {
    problems.push(...validateLabelSelector(selector, 'spec.selector'));
    const empty = Object.values(selector).every(
      (one) => isObject(one) && Object.keys(one).length === 0,
    );
    if (empty) {
      problems.push(
        problem.invalid('spec.selector', selector, 'empty selector is invalid for deployment'),
      );
    }
  }
  if (!labelSelectorOf(selector)(labels)) {
    problems.push(
      problem.invalid(
        'spec.template.metadata.labels',
        asObject(template['metadata'])['labels'] ?? null,
        '`selector` does not match template `labels`',
      ),
    );
  }
  const podSpec = asObject(template['spec']);
  const policy = asText(podSpec['restartPolicy']);
  if (policy !== '' && policy !== 'Always') {
    problems.push(problem.notSupported('spec.template.spec.restartPolicy', policy, ['Always']));
  }
  return [
    ...problems,
    ...validateLabels(labels, 'spec.template.metadata.labels'),
    // A claim template of a StatefulSet becomes a volume of its pods.
    ...validatePodSpec(
      podSpec,
      'spec.template.spec',
      asObjects(spec['volumeClaimTemplates']).map((claim) =>
        asText(asObject(claim['metadata'])['name']),
      ),
    ),
  ];
}

function validateReplicas(spec: JsonObject): FieldProblem[] {
  const replicas = spec['replicas'];
  if (typeof replicas !== 'number' || replicas >= 0) return [];
  return [problem.invalid('spec.replicas', replicas, 'must be greater than or equal to 0')];
}

const STATEFULSET_MUTABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

const STATEFULSET_FORBIDDEN =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

function fixedPart(spec: JsonObject): JsonObject {
  const entries = Object.entries(spec).filter(([field]) => !STATEFULSET_MUTABLE.includes(field));
  return Object.fromEntries(entries);
}

function validateStatefulSet(set: StoredObject, old: StoredObject | undefined): FieldProblem[] {
  const spec = specOf(set);
  const problems = [...validateReplicas(spec), ...validateTemplate(spec)];
  const strategy = asText(asObject(spec['updateStrategy'])['type']);
  if (strategy !== '' && strategy !== 'OnDelete' && strategy !== 'RollingUpdate') {
    problems.push(
      problem.invalid(
        'spec.updateStrategy',
        spec['updateStrategy'],
        "must be 'RollingUpdate' or 'OnDelete'",
      ),
    );
  }
  const policy = asText(spec['podManagementPolicy']);
  if (policy !== '' && policy !== 'OrderedReady' && policy !== 'Parallel') {
    problems.push(
      problem.invalid('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'"),
    );
  }
  if (old !== undefined && !equal(fixedPart(spec), fixedPart(specOf(old)))) {
    problems.push(problem.forbidden('spec', STATEFULSET_FORBIDDEN));
  }
  return problems;
}

function validateSelectorUpdate(
  object: StoredObject,
  old: StoredObject | undefined,
): FieldProblem[] {
  const selector = specOf(object)['selector'];
  if (old === undefined || equal(selector, specOf(old)['selector'])) return [];
  return [problem.invalid('spec.selector', selector, 'field is immutable')];
}

function validateWorkload(object: StoredObject, old: StoredObject | undefined): FieldProblem[] {
  const spec = specOf(object);
  return [
    ...validateReplicas(spec),
    ...validateTemplate(spec),
    ...validateSelectorUpdate(object, old),
  ];
}

/** Workloads count generations from 1; their status update keeps spec and labels. */
function workload(differences: Partial<Strategy>): Strategy {
  return createStrategy({
    generation: true,
    prepareForCreate(object) {
      object.metadata.generation = 1;
    },
    prepareForStatusUpdate(object, old) {
      object['spec'] = clone(old['spec']);
      if (old.metadata.labels === undefined) delete object.metadata.labels;
      else object.metadata.labels = clone(old.metadata.labels);
    },
    ...differences,
  });
}

const replicasOf = (object: StoredObject): string => String(statusOf(object)['replicas'] ?? 0);

export const statefulSetStrategy = workload({
  initialStatus: () => ({ replicas: 0, availableReplicas: 0 }),
  validate: validateStatefulSet,
});

export const deploymentStrategy = workload({
  initialStatus: () => ({}),
  validate: validateWorkload,
});

export const replicaSetStrategy = workload({
  initialStatus: () => ({ replicas: 0 }),
  validate: validateWorkload,
  selectableFields: (object) => ({ 'status.replicas': replicasOf(object) }),
});

export const disruptionBudgetStrategy = workload({
  unconditionalUpdate: false,
  prepareForStatusUpdate(object, old) {
    object['spec'] = clone(old['spec']);
  },
  initialStatus: () => ({
    disruptionsAllowed: 0,
    currentHealthy: 0,
    desiredHealthy: 0,
    expectedPods: 0,
  }),
  validate(budget) {
    const spec = specOf(budget);
    if (spec['minAvailable'] !== undefined && spec['maxUnavailable'] !== undefined) {
      return [problem.invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set')];
    }
    return validateLabelSelector(spec['selector'], 'spec.selector');
  },
});

export const controllerRevisionStrategy = createStrategy({
  validate(revision, old) {
    if (old === undefined || equal(revision['data'], old['data'])) return [];
    return [problem.invalid('data', revision['data'], 'field is immutable')];
  },
});
