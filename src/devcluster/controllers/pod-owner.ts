/** Controllers of objects that own pods made of their template: they act only on a copy that shows what they did themselves. */
import { RESOURCES, type Informer, type KubeResource, type Outcome } from '../../kube/index.ts';
import { podFromTemplate, type Pod } from '../core/index.ts';
import { SETTLED, type ControllerContext, type RunningController } from './context.ts';
import { createExpectations, type Expectations } from './expectations.ts';
import { createWatchedController, onChangeOf } from './watched-controller.ts';
import { deleteExactly, isControlledBy, ownerKeys } from './writes.ts';

/** The copy does not show a write of ours yet: it is looked at again so soon. */
const BEHIND: Outcome = { kind: 'requeueAfter', afterMs: 50 };

/** The pods of one owner. */
export interface OwnedPods {
  readonly all: readonly Pod[];
  /** Those that nobody has deleted. */
  readonly kept: readonly Pod[];
  /** Makes so many more. */
  create(count: number): Promise<void>;
  remove(pods: readonly Pod[]): Promise<void>;
}

type Owner = Parameters<typeof podFromTemplate>[0] & KubeResource;

export function createPodOwnerController<T extends Owner>(
  context: ControllerContext,
  options: {
    readonly name: string;
    readonly kind: string;
    readonly owners: Informer<T>;
    /** For an owner that is not being deleted. */
    readonly reconcile: (owner: T, pods: OwnedPods) => Promise<Outcome>;
  },
): RunningController {
  const { informers, clock } = context;
  const { name, kind, owners } = options;
  const expectations = createExpectations(clock);
  return createWatchedController(context, {
    name,
    triggers: [
      onChangeOf(owners, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]),
      onChangeOf(informers.pods, (pod) => ownerKeys(pod, kind)),
    ],
    async reconcile(key) {
      const owner = owners.get(key);
      if (owner === undefined) expectations.forget(key);
      if (owner === undefined || owner.metadata.deletionTimestamp !== undefined) return SETTLED;
      const all = informers.pods.list().filter((pod) => isControlledBy(pod, owner));
      const kept = all.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      const isFresh = expectations.areMet(key, {
        names: new Set(all.map(({ metadata }) => metadata.name as string)),
        liveUids: new Set(kept.map(({ metadata }) => metadata.uid as string)),
      });
      if (!isFresh) return BEHIND;
      return options.reconcile(owner, {
        all,
        kept,
        ...writesFor(context, expectations, key, owner),
      });
    },
  });
}

function writesFor(
  { client, event }: ControllerContext,
  expectations: Expectations,
  key: string,
  owner: Owner,
): Pick<OwnedPods, 'create' | 'remove'> {
  return {
    async create(count) {
      for (let missing = count; missing > 0; missing--) {
        const { metadata } = await client.create(RESOURCES.pods, podFromTemplate(owner));
        expectations.created(key, metadata.name as string);
        event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${metadata.name}`);
      }
    },
    async remove(pods) {
      for (const pod of pods) {
        await deleteExactly(client, RESOURCES.pods, pod);
        expectations.deleted(key, pod.metadata.uid as string);
        event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
      }
    },
  };
}
