/** Claims, volumes and storage classes. */
import { timeText } from '../../../std/index.ts';
import type { StoredObject } from '../../objects/index.ts';
import type { FieldProblem } from '../../schema/index.ts';
import {
  asObject,
  asText,
  child,
  clone,
  equal,
  specOf,
  statusOf,
  type JsonObject,
} from '../json.ts';
import { createStrategy, problem } from '../strategy.ts';

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];

function validateClaim(claim: StoredObject, old: StoredObject | undefined): FieldProblem[] {
  const spec = specOf(claim);
  const problems: FieldProblem[] = [];
  const modes = Array.isArray(spec['accessModes']) ? spec['accessModes'].map(String) : [];
  if (modes.length === 0) {
    problems.push(problem.required('spec.accessModes', 'at least 1 access mode is required'));
  }
  for (const mode of modes) {
    if (!ACCESS_MODES.includes(mode)) {
      problems.push(problem.notSupported('spec.accessModes', mode, ACCESS_MODES));
    }
  }
  const requests = asObject(asObject(spec['resources'])['requests']);
  if (requests['storage'] === undefined) {
    problems.push(problem.required('spec.resources[storage]'));
  }
  return [...problems, ...(old === undefined ? [] : validateClaimUpdate(claim, old))];
}

/** The size may grow, the volume may be set once, the rest stays. */
function fixedPart(spec: JsonObject, before: JsonObject): JsonObject {
  const fixed = clone(spec);
  delete fixed['resources'];
  delete fixed['volumeAttributesClassName'];
  if (asText(before['volumeName']) === '') delete fixed['volumeName'];
  return fixed;
}

function validateClaimUpdate(claim: StoredObject, old: StoredObject): FieldProblem[] {
  const [spec, before] = [specOf(claim), specOf(old)];
  if (!equal(fixedPart(spec, before), fixedPart(before, before))) {
    return [
      problem.forbidden(
        'spec',
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
      ),
    ];
  }
  const bound = asText(statusOf(old)['phase']) === 'Bound';
  if (!bound && !equal(spec['resources'], before['resources'])) {
    return [
      problem.forbidden(
        'spec',
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
      ),
    ];
  }
  return [];
}

export const claimStrategy = createStrategy({
  returnsDeleted: true,
  initialStatus: () => ({ phase: 'Pending' }),
  prepareForCreate(claim, { store }) {
    const spec = child(claim, 'spec');
    if (spec['storageClassName'] !== undefined) return;
    // Admission gives a claim without a class the default one, when there is one.
    const listed = store.list('storageclasses.storage.k8s.io');
    const classes = listed.ok ? listed.value.items : [];
    const standard = classes.find(
      ({ metadata }) =>
        metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true',
    );
    if (standard !== undefined) spec['storageClassName'] = standard.metadata.name;
  },
  prepareForStatusUpdate(claim, old) {
    claim['spec'] = clone(old['spec']);
  },
  validate: validateClaim,
});

export const volumeStrategy = createStrategy({
  returnsDeleted: true,
  initialStatus: () => ({ phase: 'Pending' }),
  prepareForCreate(volume, context) {
    child(volume, 'status')['lastPhaseTransitionTime'] = timeText(context.now());
  },
  prepareForStatusUpdate(volume, old) {
    volume['spec'] = clone(old['spec']);
  },
  validate(volume) {
    const spec = specOf(volume);
    const problems: FieldProblem[] = [];
    if (!Array.isArray(spec['accessModes']) || spec['accessModes'].length === 0) {
      problems.push(problem.required('spec.accessModes'));
    }
    if (asObject(spec['capacity'])['storage'] === undefined) {
      problems.push(problem.required('spec.capacity'));
    }
    return problems;
  },
});

export const storageClassStrategy = createStrategy({
  returnsDeleted: true,
  validate(storageClass, old) {
    const problems: FieldProblem[] = [];
    if (asText(storageClass['provisioner']) === '') problems.push(problem.required('provisioner'));
    for (const field of ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode']) {
      if (old !== undefined && !equal(storageClass[field], old[field])) {
        problems.push(problem.invalid(field, storageClass[field] ?? null, 'field is immutable'));
      }
    }
    return problems;
  },
});
