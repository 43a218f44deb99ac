/** The orderly end of one running container, for whatever reason: its preStop hook, its turn, SIGTERM, and SIGKILL in the end. */
import { STOP_GRACE_MIN_MS } from '../core/index.ts';
import type { ContainerProcess } from './container-process.ts';
import { handlerContext, report, type Runtime } from './container-runtime.ts';
import { runHook } from './handler.ts';
import type { Termination } from './termination.ts';

/**
 * Resolves when the process has ended. Hook, turn and stop share one grace period; a hook that outlasts it is left behind without
 * an event. Source: kubelet `killContainer`.
 */
export async function endContainer(
  runtime: Runtime,
  process: ContainerProcess,
  termination: Termination,
): Promise<void> {
  const { container, surroundings } = runtime;
  const { clock } = surroundings.dependencies;
  const { over } = termination;
  const { preStop } = container.lifecycle ?? {};
  if (preStop !== undefined && !over.aborted) {
    const context = handlerContext(runtime);
    // A command dies with its container; a request may be to somebody else.
    const until = preStop.exec === undefined ? over : abortedBy(process.exited, over);
    const result = await runHook(preStop, context, termination.remainingMs(), until);
    if (!result.ok && !until.aborted)
      report(runtime, 'Warning', 'FailedPreStopHook', 'PreStopHook failed');
  }
  await termination.turnOf(container.name);
  process.terminate();
  const mayKillAt = clock.monotonic() + STOP_GRACE_MIN_MS;
  let cancel = (): void => undefined;
  const kill = (): void => {
    const waitMs = Math.max(0, mayKillAt - clock.monotonic());
    cancel = clock.schedule(waitMs, () => process.kill());
  };
  if (over.aborted) kill();
  else over.addEventListener('abort', kill, { once: true });
  await process.exited;
  over.removeEventListener('abort', kill);
  cancel();
}

function abortedBy(end: Promise<unknown>, signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  void end.then(() => controller.abort(new Error('the container has ended')));
  return AbortSignal.any([controller.signal, signal]);
}
