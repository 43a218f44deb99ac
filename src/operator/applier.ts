/** Brings one object to what it should be: written only when it differs, never when it is somebody else's. */
import { MANAGER } from '../api/index.ts';
import { type KubeClient, type KubeResource, type ResourceType } from '../kube/index.ts';
import type { Logger } from '../telemetry/index.ts';
import {
  isCurrent,
  isTerminating,
  ownershipOf,
  reasonToWrite,
  stamped,
  type DesiredObject,
} from './core/index.ts';
import { refuseForeign } from './ownership.ts';

export interface Applier {
  /**
   * `cached` is the object as an informer has it; when it has none, the API server is asked before anything is written.
   * Rejects with {@link ForeignObjectError}.
   */
  ensure(
    type: ResourceType,
    desired: DesiredObject,
    cached: KubeResource | undefined,
  ): Promise<'unchanged' | 'applied' | 'terminating'>;
  /** Deletes what `cached` shows of an object that is not wanted any more; what is somebody else's stays. */
  remove(
    type: ResourceType,
    unwanted: DesiredObject,
    cached: KubeResource | undefined,
  ): Promise<void>;
}

const SAYS = { updated: 'object updated', repaired: 'object repaired' } as const;

export function createApplier(options: {
  readonly client: KubeClient;
  readonly logger: Logger;
}): Applier {
  const { client, logger } = options;
  return {
    async ensure(type, wanted, cached) {
      const desired = stamped(wanted);
      const { namespace, name, ownerReferences = [] } = desired.metadata;
      const live = cached ?? (await client.get(type, { namespace, name }));
      if (live !== undefined) {
        const [owner] = ownerReferences;
        if (owner !== undefined) refuseForeign(live, owner);
        // What is going cannot be kept; it is made again when it is gone.
        if (isTerminating(live)) return 'terminating';
        if (isCurrent(desired, live)) return 'unchanged';
      }
      await client.apply(type, desired, { fieldManager: MANAGER, force: true });
      const message = live === undefined ? 'object created' : SAYS[reasonToWrite(desired, live)];
      logger.info(message, {
        kind: desired.kind,
        namespace,
        name,
      });
      return 'applied';
    },
    async remove(type, unwanted, cached) {
      const { namespace, name, ownerReferences = [] } = unwanted.metadata;
      const [owner] = ownerReferences;
      if (cached === undefined || owner === undefined || isTerminating(cached)) return;
      if (ownershipOf(cached, owner).kind !== 'ours') return;
      await client.delete(type, { namespace, name });
      logger.info('object deleted', { kind: unwanted.kind, namespace, name });
    },
  };
}
