/** A claim that a pod uses is not deleted before the pod. */
import { isConflict, isNotFound, RESOURCES, type Outcome } from '../../kube/index.ts';
import { isPodOver, type PersistentVolumeClaim, type Pod } from '../core/index.ts';
import { SETTLED, type ControllerContext, type RunningController } from './context.ts';
import { createWatchedController, onChangeOf } from './watched-controller.ts';
import { refOf } from './writes.ts';

const FINALIZER = 'kubernetes.io/pvc-protection';

export function createClaimProtection(context: ControllerContext): RunningController {
  const { informers } = context;
  return createWatchedController(context, {
    name: 'claim-protection',
    triggers: [
      onChangeOf(informers.claims, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]),
      onChangeOf(informers.pods, claimsOf),
    ],
    reconcile: (key) => reconcile(context, key),
  });
}

const claimsOf = ({ metadata, spec }: Pod): string[] =>
  (spec.volumes ?? []).flatMap(({ persistentVolumeClaim }) =>
    persistentVolumeClaim === undefined
      ? []
      : [`${metadata.namespace}/${persistentVolumeClaim.claimName}`],
  );

async function reconcile(context: ControllerContext, key: string): Promise<Outcome> {
  const { informers } = context;
  const claim = informers.claims.get(key);
  if (claim === undefined) return SETTLED;
  const { finalizers = [], deletionTimestamp } = claim.metadata;
  const isProtected = finalizers.includes(FINALIZER);
  if (deletionTimestamp === undefined) {
    if (!isProtected) await writeFinalizers(context, claim, [...finalizers, FINALIZER]);
    return SETTLED;
  }
  const isUsed = informers.pods
    .list()
    .some(
      (pod) => pod.spec.nodeName !== undefined && !isPodOver(pod) && claimsOf(pod).includes(key),
    );
  if (isProtected && !isUsed)
    await writeFinalizers(
      context,
      claim,
      finalizers.filter((one) => one !== FINALIZER),
    );
  return SETTLED;
}

async function writeFinalizers(
  { client }: ControllerContext,
  claim: PersistentVolumeClaim,
  finalizers: readonly string[],
): Promise<void> {
  const { uid, resourceVersion } = claim.metadata;
  try {
    const body = { metadata: { uid, resourceVersion, finalizers } };
    await client.patch(RESOURCES.persistentVolumeClaims, refOf(claim), { type: 'merge', body });
  } catch (error) {
    // A conflict means a newer version, and that wakes this key again.
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
