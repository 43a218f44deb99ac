/** What a container's supervision remembers, and the small things every step of it does. */
import { timeText } from '../../std/index.ts';
import type { Container, ContainerState, RestartHistory, TerminatedState } from '../core/index.ts';
import type { ContainerLog } from './container-log.ts';
import { startProcess, type ContainerProcess } from './container-process.ts';
import type { HandlerContext } from './handler.ts';
import { prepareLaunch, type Launch, type PodSurroundings } from './launch.ts';

export type ContainerRole = 'init' | 'sidecar' | 'main';

export interface Runtime {
  readonly role: ContainerRole;
  readonly container: Container;
  readonly surroundings: PodSurroundings;
  state: ContainerState;
  lastState: ContainerState;
  restartCount: number;
  isStarted: boolean;
  isReady: boolean;
  containerId?: string;
  process?: ContainerProcess;
  launch?: Launch;
  log?: ContainerLog;
  previousLog?: ContainerLog;
  history: RestartHistory;
  imageFailures: number;
  readonly stopping: AbortController;
  readonly started: PromiseWithResolvers<void>;
  readonly finished: PromiseWithResolvers<TerminatedState | undefined>;
}

export function setState(runtime: Runtime, state: ContainerState): void {
  runtime.state = state;
  runtime.surroundings.onChange();
}

export const nowText = ({ surroundings }: Runtime): string =>
  timeText(surroundings.dependencies.clock.wall());

export function report(
  runtime: Runtime,
  type: 'Normal' | 'Warning',
  reason: string,
  note: string,
): void {
  const { pod, dependencies } = runtime.surroundings;
  dependencies.events(pod(), type, reason, note);
}

export const graceSeconds = ({ surroundings }: Runtime): number =>
  surroundings.pod().spec.terminationGracePeriodSeconds ?? 30;

export function handlerContext(runtime: Runtime): HandlerContext {
  const { surroundings, container } = runtime;
  return {
    container,
    podIP: surroundings.facts.podIP,
    clock: surroundings.dependencies.clock,
    exec: (command, signal) => execInside(runtime, command, signal),
  };
}

/** Runs a command with the container's environment in a group of its own. */
async function execInside(
  runtime: Runtime,
  command: readonly string[],
  signal: AbortSignal,
): Promise<{ exitCode: number; output: string }> {
  const { launch, surroundings } = runtime;
  if (launch === undefined || command.length === 0) return { exitCode: 126, output: 'no command' };
  const rewritten = await rewriteCommand(runtime, command);
  const chunks: Buffer[] = [];
  const process = await startProcess({
    command: rewritten,
    env: launch.env,
    folder: launch.folder,
    reaper: surroundings.dependencies.reaper,
    onOutput: (chunk) => void (chunks.length < 64 && chunks.push(chunk)),
  });
  const kill = (): void => process.kill();
  if (signal.aborted) kill();
  signal.addEventListener('abort', kill, { once: true });
  const { exitCode } = await process.exited;
  signal.removeEventListener('abort', kill);
  signal.throwIfAborted();
  return { exitCode, output: Buffer.concat(chunks).toString('utf8') };
}

async function rewriteCommand(runtime: Runtime, command: readonly string[]): Promise<string[]> {
  const { container, surroundings } = runtime;
  const image = { image: container.image ?? '' };
  const launch = await prepareLaunch({ ...container, command, args: [] }, image, surroundings);
  return launch.ok ? [...launch.value.command] : [...command];
}
