/** Starts the parts of a controller process group by group, and stops them in the opposite order. */
import type { Logger } from '../telemetry/index.ts';

/** Something with a life: an informer, a controller, a server. */
export interface ManagedPart {
  readonly name: string;
  start(): void | Promise<void>;
  stop(): Promise<void>;
  /** The next group starts only when this has resolved; an informer waits for its first list here. */
  ready?(signal: AbortSignal): Promise<void>;
}

export interface Manager {
  /** Rejects when a part does not start or the signal aborts; what was started is then stopped. */
  start(signal?: AbortSignal): Promise<void>;
  /** In the opposite order; a part that fails to stop is logged and does not keep the others. */
  stop(): Promise<void>;
}

export interface ManagerOptions {
  /** In order of start; the parts of one group start together. */
  readonly groups: readonly (readonly ManagedPart[])[];
  readonly logger: Logger;
}

export function createManager({ groups, logger }: ManagerOptions): Manager {
  const started: ManagedPart[][] = [];
  const abort = new AbortController();
  let stopping: Promise<void> | undefined;
  const stopAll = async (): Promise<void> => {
    abort.abort(new Error('the manager was stopped'));
    for (const group of started.splice(0).reverse()) {
      const results = await Promise.allSettled(group.map((part) => part.stop()));
      results.forEach((result, index) => {
        if (result.status === 'fulfilled') return;
        logger.warn('part did not stop cleanly', {
          part: group[index]?.name,
          error: String(result.reason),
        });
      });
    }
  };
  const stop = (): Promise<void> => (stopping ??= stopAll());
  return {
    async start(signal) {
      const whole = signal === undefined ? abort.signal : AbortSignal.any([abort.signal, signal]);
      try {
        for (const group of groups) {
          whole.throwIfAborted();
          started.push([...group]);
          await Promise.all(group.map(async (part) => part.start()));
          await Promise.all(group.map(async (part) => part.ready?.(whole)));
        }
      } catch (error) {
        await stop();
        throw error;
      }
    },
    stop,
  };
}
