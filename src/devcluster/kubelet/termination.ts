/** The time that containers have to end, and whose turn it is: for a whole pod, or for one container that is to start anew. */
import type { CancelTimer, Clock } from '../../std/index.ts';

export interface Termination {
  /** Aborts when the time is over: hooks and turns are awaited no longer. */
  readonly over: AbortSignal;
  remainingMs(): number;
  /** A second deletion may leave less time, never more. */
  shorten(graceMs: number): void;
  /** Resolves when the container may get its SIGTERM: all that it awaits have ended, or the time is over. */
  turnOf(container: string): Promise<void>;
  /** The container has ended, or never ran. */
  ended(container: string): void;
  finish(): void;
}

/** `order` says whom each container awaits; nobody without one. */
export function createTermination(
  clock: Clock,
  graceMs: number,
  order: ReadonlyMap<string, readonly string[]> = new Map(),
): Termination {
  const over = new AbortController();
  const ends = new Map([...order.keys()].map((name) => [name, Promise.withResolvers<void>()]));
  const timeIsUp = new Promise<void>((resolve) =>
    over.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  let deadline = clock.monotonic() + graceMs;
  let cancel: CancelTimer = () => undefined;
  const arm = (): void => {
    cancel();
    cancel = clock.schedule(Math.max(0, deadline - clock.monotonic()), () =>
      over.abort(new Error('the grace period is over')),
    );
  };
  arm();
  return {
    over: over.signal,
    remainingMs: () => Math.max(0, deadline - clock.monotonic()),
    shorten(shorterMs) {
      const earlier = clock.monotonic() + shorterMs;
      if (earlier >= deadline) return;
      deadline = earlier;
      arm();
    },
    async turnOf(container) {
      const before = (order.get(container) ?? []).map(async (name) => ends.get(name)?.promise);
      await Promise.race([Promise.all(before), timeIsUp]);
    },
    ended: (container) => ends.get(container)?.resolve(),
    finish: () => cancel(),
  };
}
