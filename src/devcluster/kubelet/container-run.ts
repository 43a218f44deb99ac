/** One run of a container: from its image and references to the process, its probes, and its last words. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { delay } from '../../std/index.ts';
import type { Container, TerminatedState } from '../core/index.ts';
import { createContainerLog, removeContainerLog, type ContainerLog } from './container-log.ts';
import { startProcess, type ContainerProcess, type ProcessExit } from './container-process.ts';
import {
  graceSeconds,
  handlerContext,
  nowText,
  report,
  setState,
  type Runtime,
} from './container-runtime.ts';
import { endContainer } from './end-container.ts';
import { runHook, type HandlerResult } from './handler.ts';
import { prepareLaunch, type Launch } from './launch.ts';
import { startProbes } from './prober.ts';
import { createTermination } from './termination.ts';

/** Waits until the image is known and every referenced object exists. */
export async function launchable(runtime: Runtime): Promise<Launch> {
  const { container, surroundings, stopping } = runtime;
  const { clock, images } = surroundings.dependencies;
  for (let attempt = 0; ; attempt++) {
    stopping.signal.throwIfAborted();
    const image = await images.resolve(container.image ?? '').catch((error: unknown) => ({
      ok: false as const,
      error: (error as Error).message,
    }));
    let problem: { reason: string; message: string };
    if (!image.ok) {
      report(
        runtime,
        'Warning',
        'Failed',
        `Failed to pull image "${container.image}": ${image.error}`,
      );
      problem = {
        reason: attempt === 0 ? 'ErrImagePull' : 'ImagePullBackOff',
        message: image.error,
      };
    } else {
      if (runtime.launch === undefined)
        report(
          runtime,
          'Normal',
          'Pulled',
          `Container image "${container.image}" already present on machine`,
        );
      const launch = await prepareLaunch(container, image.value, surroundings);
      if (launch.ok) return launch.value;
      report(runtime, 'Warning', 'Failed', `Error: ${launch.error}`);
      problem = { reason: 'CreateContainerConfigError', message: launch.error };
    }
    setState(runtime, { waiting: problem });
    await delay(clock, Math.min(10_000, 500 * 2 ** attempt), stopping.signal);
  }
}

/** One run of the container's program, from its start to its end. */
export async function runOnce(runtime: Runtime, launch: Launch): Promise<TerminatedState> {
  const { container, surroundings } = runtime;
  const { clock, reaper, logger } = surroundings.dependencies;
  runtime.launch = launch;
  const log = openLog(runtime);
  await mkdir(dirname(launch.terminationMessageFile), { recursive: true });
  await rm(launch.terminationMessageFile, { force: true });
  const startedAt = nowText(runtime);
  runtime.containerId = `process://${randomUUID()}`;
  runtime.stopping.signal.throwIfAborted();
  const { command, env, folder } = launch;
  try {
    runtime.process = await startProcess({ command, env, folder, reaper, onOutput: log.append });
  } catch (error) {
    log.end();
    report(runtime, 'Warning', 'Failed', `Error: ${(error as Error).message}`);
    return {
      exitCode: 128,
      reason: 'StartError',
      message: (error as Error).message,
      startedAt,
      finishedAt: nowText(runtime),
    };
  }
  const { process } = runtime;
  // The pod may have been stopped while the process was being made: nobody else will end it.
  if (runtime.stopping.signal.aborted) process.kill();
  report(runtime, 'Normal', 'Created', `Container created`);
  report(runtime, 'Normal', 'Started', `Container started`);
  logger.debug('container started', {
    pod: surroundings.pod().metadata.name,
    container: container.name,
    pid: process.pid,
  });
  runtime.isReady = false;
  setState(runtime, { running: { startedAt } });
  const life = new AbortController();
  watchOver(runtime, process, life);
  const exit = await process.exited;
  life.abort(new Error('the container has ended'));
  log.end();
  delete runtime.process;
  const message = await terminationMessage(container, launch, log, exit);
  const terminated: TerminatedState = {
    ...exit,
    reason: exit.exitCode === 0 ? 'Completed' : 'Error',
    ...(message === '' ? {} : { message }),
    startedAt,
    finishedAt: nowText(runtime),
    containerID: runtime.containerId,
  };
  runtime.isStarted = false;
  // An init container that is done counts as ready from now on.
  runtime.isReady = runtime.role === 'init' && exit.exitCode === 0;
  logger.debug('container ended', {
    pod: surroundings.pod().metadata.name,
    container: container.name,
    exitCode: exit.exitCode,
    clock: clock.wall(),
  });
  setState(runtime, { terminated });
  return terminated;
}

function openLog(runtime: Runtime): ContainerLog {
  const folder = join(runtime.surroundings.folder, 'logs', runtime.container.name);
  if (runtime.log !== undefined) {
    runtime.previousLog = runtime.log;
    removeContainerLog(folder, String(runtime.restartCount - 2));
  }
  const { clock } = runtime.surroundings.dependencies;
  runtime.log = createContainerLog({ folder, name: String(runtime.restartCount), clock });
  return runtime.log;
}

/** postStart, then the probes; a failed one ends the process, and the restart policy decides. */
function watchOver(runtime: Runtime, process: ContainerProcess, life: AbortController): void {
  const { container, surroundings, stopping } = runtime;
  const { clock } = surroundings.dependencies;
  const context = handlerContext(runtime);
  const end = (kind: string, why: string, grace = graceSeconds(runtime)): void => {
    if (life.signal.aborted || stopping.signal.aborted) return;
    report(runtime, 'Normal', 'Killing', `Container ${container.name} ${why}, will be restarted`);
    life.abort(new Error(`${kind} failed`));
    const termination = createTermination(clock, grace * 1000);
    void endContainer(runtime, process, termination).then(termination.finish);
  };
  const begin = (): void => {
    if (life.signal.aborted) return;
    startProbes({
      context,
      clock,
      signal: life.signal,
      stopping: stopping.signal,
      onStarted() {
        runtime.isStarted = true;
        runtime.started.resolve();
        surroundings.onChange();
      },
      onReady(isReady) {
        if (runtime.isReady === isReady || runtime.role === 'init') return;
        runtime.isReady = isReady;
        surroundings.onChange();
      },
      onDead(kind) {
        const probe = kind === 'liveness' ? container.livenessProbe : container.startupProbe;
        end(kind, `failed ${kind} probe`, probe?.terminationGracePeriodSeconds);
      },
      onUnhealthy: (_kind, message) => report(runtime, 'Warning', 'Unhealthy', message),
    });
  };
  const { postStart } = container.lifecycle ?? {};
  if (postStart === undefined) return begin();
  void runHook(postStart, context, 3_600_000, life.signal).then((result: HandlerResult) => {
    if (result.ok) return begin();
    report(runtime, 'Warning', 'FailedPostStartHook', `PostStartHook failed: ${result.message}`);
    return end('postStart', 'failed its postStart hook');
  });
}

const MESSAGE_LINES_MAX = 80;
const MESSAGE_BYTES_MAX = 4096;

async function terminationMessage(
  container: Container,
  launch: Launch,
  log: ContainerLog,
  exit: ProcessExit,
): Promise<string> {
  const written = await readFile(launch.terminationMessageFile, 'utf8').catch(() => '');
  if (written !== '') return written.slice(0, MESSAGE_BYTES_MAX);
  if (container.terminationMessagePolicy !== 'FallbackToLogsOnError' || exit.exitCode === 0)
    return '';
  return log.tail(MESSAGE_LINES_MAX, 2048);
}
