/** A controller that is fed by local copies: what starts it, what wakes it, how it stops. */
import {
  createController,
  type Informer,
  type KubeResource,
  type Outcome,
} from '../../kube/index.ts';
import { BACKOFF, type ControllerContext, type RunningController } from './context.ts';

/** Tells which keys a change concerns. */
export interface Trigger {
  watch(enqueue: (key: string) => void): () => void;
}

/** Every change of `informer` wakes the keys that `keys` names. */
export function onChangeOf<T extends KubeResource>(
  informer: Informer<T>,
  keys: (object: T) => readonly string[],
): Trigger {
  return {
    watch: (enqueue) =>
      informer.onChange((change) => {
        const wanted = new Set(keys(change.object));
        // An object that changed hands concerns its former owner, too.
        if (change.type === 'updated') for (const key of keys(change.old)) wanted.add(key);
        for (const key of wanted) enqueue(key);
      }),
  };
}

export function createWatchedController(
  context: ControllerContext,
  options: {
    readonly name: string;
    readonly triggers: readonly Trigger[];
    readonly reconcile: (key: string, signal: AbortSignal) => Promise<Outcome>;
  },
): RunningController {
  const { clock, random, logger, metrics } = context;
  const controller = createController({
    name: options.name,
    reconcile: options.reconcile,
    workersMax: 4,
    backoff: BACKOFF,
    clock,
    random,
    logger,
    metrics,
  });
  const cancels: (() => void)[] = [];
  return {
    start() {
      controller.start();
      for (const trigger of options.triggers) cancels.push(trigger.watch(controller.enqueue));
    },
    async stop() {
      for (const cancel of cancels.splice(0)) cancel();
      await controller.stop();
    },
  };
}
