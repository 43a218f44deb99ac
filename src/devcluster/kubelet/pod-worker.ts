/** The life of one pod on this node: volumes, init containers, sidecars, containers, status, and the orderly end. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { timeText } from '../../std/index.ts';
import {
  isPodOver,
  isSidecar,
  podStatus,
  terminationOrder,
  type Container,
  type Pod,
  type PodFacts,
  type PodStatus,
} from '../core/index.ts';
import { createPodContainer, type PodContainer } from './container.ts';
import { findLog, type LogLookup } from './find-log.ts';
import type { PodSurroundings } from './launch.ts';
import { createPodVolumes, type PodVolumes } from './pod-volumes.ts';
import type { KubeletDependencies } from './ports.ts';
import { createTermination, type Termination } from './termination.ts';

export interface PodWorker {
  readonly uid: string;
  /** Takes a newer version of the object; a deletion time begins the orderly end. */
  update(pod: Pod): void;
  /** A ConfigMap or Secret of the pod's namespace changed: files in volumes follow. */
  refreshVolumes(): void;
  /** SIGKILL to every process of the pod, at once. */
  kill(): number[];
  processes(): { container: string; pids: number[] }[];
  /** The log of a container (of the first one without a name), or why there is none. */
  log(container: string | undefined, previous: boolean): LogLookup;
  /** Kills everything and leaves the object alone: the object is gone, or the kubelet is stopping. */
  abandon(): Promise<void>;
}

interface Worker {
  pod: Pod;
  readonly uid: string;
  readonly facts: PodFacts;
  readonly folder: string;
  readonly dependencies: KubeletDependencies;
  readonly startTime: string;
  readonly volumes: PodVolumes;
  readonly surroundings: PodSurroundings;
  readonly init: PodContainer[];
  readonly main: PodContainer[];
  readonly abort: AbortController;
  termination?: Termination;
  isDirty: boolean;
  isWriting: boolean;
  isAbandoned: boolean;
  hasEnded: boolean;
}

/** `facts.podIP` is reserved for the pod until the worker has ended. */
export function createPodWorker(
  pod: Pod,
  facts: PodFacts,
  dependencies: KubeletDependencies,
): PodWorker {
  const worker = newWorker(pod, facts, dependencies);
  if (!isPodOver(pod)) void runPod(worker);
  if (pod.metadata.deletionTimestamp !== undefined) void terminate(worker);
  const all = (): PodContainer[] => [...worker.init, ...worker.main];
  return {
    uid: worker.uid,
    update(newer) {
      const { labels, annotations } = worker.pod.metadata;
      worker.pod = newer;
      const isSame = isDeepStrictEqual(
        [labels, annotations],
        [newer.metadata.labels, newer.metadata.annotations],
      );
      // Files of the downward API show them.
      if (!isSame) void worker.volumes.refresh();
      if (newer.metadata.deletionTimestamp === undefined) return;
      if (worker.termination === undefined) void terminate(worker);
      else worker.termination.shorten((newer.metadata.deletionGracePeriodSeconds ?? 30) * 1000);
    },
    refreshVolumes: () => void worker.volumes.refresh(),
    kill() {
      const pids = all().flatMap((one) => one.processes());
      for (const one of all()) one.kill();
      return pids;
    },
    processes: () =>
      all()
        .map((one) => ({ container: one.container.name, pids: one.processes() }))
        .filter(({ pids }) => pids.length > 0),
    log(name, previous) {
      const found =
        name === undefined ? worker.main[0] : all().find((one) => one.container.name === name);
      return findLog(pod.metadata.name ?? '', name ?? found?.container.name ?? '', found, previous);
    },
    async abandon() {
      worker.isAbandoned = true;
      worker.abort.abort(new Error('the pod is gone'));
      await Promise.all(all().map((one) => one.abandon()));
      // A file that is written while its folder is removed would stay.
      await worker.volumes.settled();
      await rm(worker.folder, { recursive: true, force: true });
    },
  };
}

function newWorker(pod: Pod, facts: PodFacts, dependencies: KubeletDependencies): Worker {
  const uid = pod.metadata.uid as string;
  const folder = join(dependencies.dataFolder, 'pods', uid);
  const abort = new AbortController();
  const volumes = createPodVolumes({
    pod: () => worker.pod,
    facts,
    folder,
    dependencies,
    signal: abort.signal,
  });
  const surroundings: PodSurroundings = {
    pod: () => worker.pod,
    facts,
    folder,
    volumeFolder: volumes.folder,
    dependencies,
    onChange: () => markDirty(worker),
  };
  const earlier = [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
  ];
  const create = (role: PodContainer['role'], container: Container): PodContainer => {
    const before = earlier.find(({ name }) => name === container.name);
    const restarts = before?.containerID === undefined ? 0 : before.restartCount + 1;
    return createPodContainer(role, container, surroundings, restarts);
  };
  const worker: Worker = {
    pod,
    uid,
    facts,
    folder,
    dependencies,
    startTime: timeText(dependencies.clock.wall()),
    volumes,
    surroundings,
    init: [],
    main: [],
    abort,
    isDirty: false,
    isWriting: false,
    isAbandoned: false,
    hasEnded: false,
  };
  const { initContainers = [], containers } = pod.spec;
  worker.init.push(...initContainers.map((c) => create(isSidecar(c) ? 'sidecar' : 'init', c)));
  worker.main.push(...containers.map((c) => create('main', c)));
  return worker;
}

/** From the volumes to the end of the last container; the pod's deletion interrupts it anywhere. */
async function runPod(worker: Worker): Promise<void> {
  const { signal } = worker.abort;
  try {
    markDirty(worker);
    await worker.volumes.mount();
    for (const one of worker.init) {
      one.start();
      if (one.role === 'sidecar') await one.started;
      const exit = one.role === 'init' ? await one.finished : undefined;
      signal.throwIfAborted();
      if (exit !== undefined && exit.exitCode !== 0) {
        await endContainers(worker, beginTermination(worker));
        return;
      }
    }
    for (const one of worker.main) one.start();
    await Promise.all(worker.main.map((one) => one.finished));
    signal.throwIfAborted();
    // Only a pod whose containers do not restart comes here: its sidecars have done their part.
    await endContainers(worker, beginTermination(worker));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** By the pod's own grace period, or that of its deletion. */
function beginTermination({ dependencies, pod }: Worker): Termination {
  const { terminationGracePeriodSeconds = 30 } = pod.spec;
  const seconds = pod.metadata.deletionGracePeriodSeconds ?? terminationGracePeriodSeconds;
  return createTermination(dependencies.clock, seconds * 1000, terminationOrder(pod));
}

/** All at once, as far as their hooks go; the signals follow the order. */
async function endContainers(worker: Worker, termination: Termination): Promise<void> {
  await Promise.all([...worker.init, ...worker.main].map((one) => one.stop(termination)));
  termination.finish();
}

/** The orderly end: containers, then sidecars, then the last status, then the object. */
async function terminate(worker: Worker): Promise<void> {
  const { dependencies } = worker;
  worker.termination = beginTermination(worker);
  worker.abort.abort(new Error('the pod is being deleted'));
  await endContainers(worker, worker.termination);
  worker.hasEnded = true;
  if (worker.isAbandoned) return;
  await dependencies.writer.writeStatus(worker.pod, currentStatus(worker));
  await dependencies.writer.remove(worker.pod);
}

/** Writes the newest status; changes while a write is under way are written together afterwards. */
function markDirty(worker: Worker): void {
  worker.isDirty = true;
  if (!worker.isWriting) void writeLoop(worker);
}

async function writeLoop(worker: Worker): Promise<void> {
  worker.isWriting = true;
  // Changes of one turn of the event loop (an end and its restart) become one write.
  await Promise.resolve();
  while (worker.isDirty && !worker.isAbandoned) {
    worker.isDirty = false;
    await worker.dependencies.writer.writeStatus(worker.pod, currentStatus(worker));
  }
  worker.isWriting = false;
}

function currentStatus(worker: Worker): PodStatus {
  const { dependencies, facts } = worker;
  const status = podStatus({
    pod: worker.pod,
    now: timeText(dependencies.clock.wall()),
    podIP: facts.podIP,
    hostIP: facts.hostIP,
    startTime: worker.startTime,
    init: worker.init.map((one) => one.status()),
    main: worker.main.map((one) => one.status()),
  });
  return worker.hasEnded ? { ...status, phase: finalPhase(worker) } : status;
}

/** A deleted pod ends in one of the final phases, whatever its restart policy. */
function finalPhase(worker: Worker): 'Succeeded' | 'Failed' {
  const isGood = worker.main.every((one) => one.status().state.terminated?.exitCode === 0);
  return isGood ? 'Succeeded' : 'Failed';
}
