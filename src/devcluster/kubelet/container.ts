/** One container of a pod: supervises its runs, restarts it, stops it, and knows its status at any time. */
import { delay } from '../../std/index.ts';
import {
  nextRestart,
  restartsAfter,
  type Container,
  type ContainerStatus,
  type TerminatedState,
} from '../core/index.ts';
import type { ContainerLog } from './container-log.ts';
import { processesOf } from './container-process.ts';
import { launchable, runOnce } from './container-run.ts';
import { report, setState, type ContainerRole, type Runtime } from './container-runtime.ts';
import { endContainer } from './end-container.ts';
import type { PodSurroundings } from './launch.ts';
import type { Termination } from './termination.ts';

export interface PodContainer {
  readonly container: Container;
  readonly role: ContainerRole;
  status(): ContainerStatus;
  start(): void;
  /** Resolves when it has started for the first time (its startup probe succeeded), or has finished. */
  readonly started: Promise<void>;
  /** Resolves when it will not run again; undefined when it never ran. */
  readonly finished: Promise<TerminatedState | undefined>;
  /** Ends it in good order, see `end-container.ts`; not restarted. Resolves when it has ended. */
  stop(termination: Termination): Promise<void>;
  /** SIGKILL to every process; not restarted. Resolves when it has ended. */
  abandon(): Promise<void>;
  /** SIGKILL to every process; whether it starts again is the restart policy's business. */
  kill(): void;
  processes(): number[];
  /** The log of the current run, or of the one before. */
  log(previous: boolean): ContainerLog | undefined;
}

/** `restartCount` continues the count of an earlier kubelet. */
export function createPodContainer(
  role: ContainerRole,
  container: Container,
  surroundings: PodSurroundings,
  restartCount = 0,
): PodContainer {
  const runtime: Runtime = {
    role,
    container,
    surroundings,
    state: {
      waiting: {
        reason: role === 'main' && hasInit(surroundings) ? 'PodInitializing' : 'ContainerCreating',
      },
    },
    lastState: {},
    restartCount,
    isStarted: false,
    isReady: false,
    history: { failures: 0 },
    imageFailures: 0,
    stopping: new AbortController(),
    started: Promise.withResolvers<void>(),
    finished: Promise.withResolvers<TerminatedState | undefined>(),
  };
  let isRunning = false;
  return {
    container,
    role,
    status: () => statusOf(runtime),
    start() {
      if (isRunning) return;
      isRunning = true;
      void supervise(runtime);
    },
    started: runtime.started.promise,
    finished: runtime.finished.promise,
    async stop(termination) {
      runtime.stopping.abort(new Error('the pod is stopping'));
      if (!isRunning) runtime.finished.resolve(undefined);
      else if (runtime.process !== undefined) {
        report(runtime, 'Normal', 'Killing', `Stopping container ${container.name}`);
        await endContainer(runtime, runtime.process, termination);
      }
      await runtime.finished.promise;
      termination.ended(container.name);
    },
    async abandon() {
      runtime.stopping.abort(new Error('the pod is gone'));
      if (!isRunning) runtime.finished.resolve(undefined);
      runtime.process?.kill();
      await runtime.finished.promise;
    },
    kill: () => runtime.process?.kill(),
    processes: () => (runtime.process === undefined ? [] : processesOf(runtime.process.pid)),
    log: (previous) => (previous ? runtime.previousLog : runtime.log),
  };
}

const hasInit = ({ pod }: PodSurroundings): boolean => (pod().spec.initContainers ?? []).length > 0;

function statusOf(runtime: Runtime): ContainerStatus {
  const image = runtime.container.image ?? '';
  return {
    name: runtime.container.name,
    image,
    imageID: runtime.containerId === undefined ? '' : `local://${image}`,
    ready: runtime.isReady,
    restartCount: runtime.restartCount,
    started: runtime.isStarted,
    state: runtime.state,
    lastState: runtime.lastState,
    ...(runtime.containerId === undefined ? {} : { containerID: runtime.containerId }),
  };
}

/** Start, wait, decide, start again; ends when the container is not to run any more. */
async function supervise(runtime: Runtime): Promise<void> {
  const { clock } = runtime.surroundings.dependencies;
  const { signal } = runtime.stopping;
  let last: TerminatedState | undefined;
  try {
    for (;;) {
      const launch = await launchable(runtime);
      const startedAt = clock.monotonic();
      last = await runOnce(runtime, launch);
      if (signal.aborted || !isRestarted(runtime, last.exitCode)) break;
      const next = nextRestart(runtime.history, clock.monotonic() - startedAt);
      runtime.history = next.history;
      if (next.delayMs > 0) {
        const text = `back-off ${next.delayMs / 1000}s restarting failed container=${runtime.container.name}`;
        report(
          runtime,
          'Warning',
          'BackOff',
          `Back-off restarting failed container ${runtime.container.name}`,
        );
        runtime.lastState = { terminated: last };
        setState(runtime, { waiting: { reason: 'CrashLoopBackOff', message: text } });
        await delay(clock, next.delayMs, signal);
      }
      runtime.lastState = { terminated: last };
      runtime.restartCount += 1;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    if (last !== undefined) setState(runtime, { terminated: last });
    runtime.started.resolve();
    runtime.finished.resolve(last);
  }
}

function isRestarted({ role, surroundings }: Runtime, exitCode: number): boolean {
  if (role === 'sidecar') return true;
  const policy = surroundings.pod().spec.restartPolicy;
  if (role === 'init') return policy !== 'Never' && exitCode !== 0;
  return restartsAfter(policy, exitCode);
}
