/** Which revision of the pod template is in force. */
import type { StatefulSet } from './core/index.ts';

/** Undefined while the StatefulSet controller has not seen the template. */
export function currentRevision(set: StatefulSet | undefined): string | undefined {
  return set?.status?.observedGeneration === set?.metadata.generation
    ? set?.status?.updateRevision
    : undefined;
}
