/** Namespaces: a life cycle of their own, ended by the namespace controller through `finalize`. */
import type { StoredObject } from '../../objects/index.ts';
import { asText, child, specOf, statusOf } from '../json.ts';
import { createStrategy } from '../strategy.ts';

const FINALIZER = 'kubernetes';

function labelWithName(object: StoredObject): void {
  const name = object.metadata.name ?? '';
  if (name === '') return;
  object.metadata.labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': name };
}

export const namespaceStrategy = createStrategy({
  nameRule: 'label',
  returnsDeleted: true,
  applyDefaults: labelWithName,
  prepareForCreate(object) {
    child(object, 'spec')['finalizers'] = [FINALIZER];
  },
  prepareForUpdate(object, old) {
    object['spec'] = structuredClone(old['spec']);
  },
  prepareForStatusUpdate(object, old) {
    object['spec'] = structuredClone(old['spec']);
  },
  initialStatus: () => ({ phase: 'Active' }),
  selectableFields: (object) => ({ 'status.phase': asText(statusOf(object)['phase']) }),
  isHeld: (object) => {
    const finalizers = specOf(object)['finalizers'];
    return Array.isArray(finalizers) && finalizers.length > 0;
  },
  markDeleting(object) {
    delete object.metadata.deletionGracePeriodSeconds;
    child(object, 'status')['phase'] = 'Terminating';
  },
});
