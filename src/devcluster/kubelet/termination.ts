/** The time a pod has to end: it can be shortened by a second deletion, and lengthened a little for sidecars. */
import type { CancelTimer, Clock } from '../../std/index.ts';

export interface Termination {
  /** Aborts when the time is over. */
  readonly killSignal: AbortSignal;
  remainingMs(): number;
  shorten(graceMs: number): void;
  /** Sidecars begin to stop only now: they get at least this long. */
  atLeast(minMs: number): void;
  finish(): void;
}

export function createTermination(clock: Clock, graceMs: number): Termination {
  const controllers = [new AbortController()];
  let deadline = clock.monotonic() + graceMs;
  let cancel: CancelTimer = () => undefined;
  const arm = (): void => {
    cancel();
    const controller = controllers.at(-1);
    cancel = clock.schedule(deadline - clock.monotonic(), () =>
      controller?.abort(new Error('the grace period is over')),
    );
  };
  arm();
  return {
    get killSignal() {
      return (controllers.at(-1) as AbortController).signal;
    },
    remainingMs: () => Math.max(0, deadline - clock.monotonic()),
    shorten(shorterMs) {
      const earlier = clock.monotonic() + shorterMs;
      if (earlier >= deadline) return;
      deadline = earlier;
      arm();
    },
    atLeast(minMs) {
      if (deadline - clock.monotonic() >= minMs) return;
      deadline = clock.monotonic() + minMs;
      controllers.push(new AbortController());
      arm();
    },
    finish: () => cancel(),
  };
}
