/** The volumes of one pod: mounted before its first container, refreshed when a source changes or a token grows old. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createBackoff, delay, type CancelTimer } from '../../std/index.ts';
import type { Pod, PodFacts } from '../core/index.ts';
import { createPodTokens, type PodTokens } from './pod-tokens.ts';
import type { KubeletDependencies, TokenWish } from './ports.ts';
import { isRefreshed } from './volume-files.ts';
import { mountVolume } from './volumes.ts';

export interface PodVolumes {
  /** Folder of a mounted volume. */
  folder(name: string): string | undefined;
  /** Tries until every volume is there; rejects when the signal aborts. */
  mount(): Promise<void>;
  /** Brings files up to date; does nothing before the first mount. */
  refresh(): Promise<void>;
  /** Resolves when nothing is being written. */
  settled(): Promise<void>;
}

export interface PodVolumesOptions {
  /** The newest version of the pod object. */
  pod(): Pod;
  readonly facts: PodFacts;
  /** The pod's own folder. */
  readonly folder: string;
  readonly dependencies: KubeletDependencies;
  /** Aborts when the pod ends. */
  readonly signal: AbortSignal;
}

interface State extends PodVolumesOptions {
  readonly folders: Map<string, string>;
  readonly tokens: PodTokens;
  isMounted: boolean;
  /** One refresh at a time; a change that comes meanwhile causes another one. */
  refreshing: { again: boolean; readonly over: Promise<void> } | undefined;
  cancelTimer: CancelTimer;
}

export function createPodVolumes(options: PodVolumesOptions): PodVolumes {
  const state: State = {
    ...options,
    folders: new Map(),
    tokens: createPodTokens(options.dependencies),
    isMounted: false,
    refreshing: undefined,
    cancelTimer: () => undefined,
  };
  options.signal.addEventListener('abort', () => state.cancelTimer(), { once: true });
  return {
    folder: (name) => state.folders.get(name),
    mount: () => mount(state),
    refresh: () => refresh(state),
    settled: async () => state.refreshing?.over,
  };
}

async function mount(state: State): Promise<void> {
  const { dependencies, signal } = state;
  const backoff = createBackoff({ initialMs: 200, maxMs: 5000 }, dependencies.random);
  await mkdir(state.folder, { recursive: true, mode: 0o700 });
  for (let attempt = 0; ; attempt++) {
    const problem = await tryMount(state);
    if (problem === undefined) break;
    // The first misses are normal: claims are being bound, Secrets are being written.
    if (attempt >= 3) dependencies.events(state.pod(), 'Warning', 'FailedMount', problem);
    await delay(dependencies.clock, backoff.next(), signal);
  }
  state.isMounted = true;
  scheduleRefresh(state);
}

async function tryMount(state: State): Promise<string | undefined> {
  const { dependencies, facts, folders, tokens } = state;
  const context = {
    pod: state.pod(),
    facts,
    objects: dependencies.objects,
    token: (wish: TokenWish) => tokens.get(state.pod(), wish),
    folder: join(state.folder, 'volumes'),
    claimsFolder: join(dependencies.dataFolder, 'pvc'),
  };
  for (const volume of context.pod.spec.volumes ?? []) {
    const mounted = await mountVolume(volume, context);
    if (!mounted.ok)
      return `MountVolume.SetUp failed for volume "${volume.name}": ${mounted.error}`;
    folders.set(volume.name, mounted.value);
  }
  return undefined;
}

async function refresh(state: State): Promise<void> {
  if (!state.isMounted || !(state.pod().spec.volumes ?? []).some(isRefreshed)) return;
  if (state.refreshing !== undefined) {
    state.refreshing.again = true;
    return;
  }
  const over = Promise.withResolvers<void>();
  const turn = { again: true, over: over.promise };
  state.refreshing = turn;
  const { logger } = state.dependencies;
  try {
    while (turn.again && !state.signal.aborted) {
      turn.again = false;
      const problem = await tryMount(state);
      if (problem !== undefined) logger.debug('volume was not refreshed', { problem });
    }
  } catch (error) {
    if (!state.signal.aborted) logger.warn('volume was not refreshed', { error: String(error) });
  } finally {
    state.refreshing = undefined;
    over.resolve();
    scheduleRefresh(state);
  }
}

/** Wakes up when the first token wants to be replaced. */
function scheduleRefresh(state: State): void {
  state.cancelTimer();
  const dueMs = state.tokens.dueInMs();
  if (dueMs === undefined || state.signal.aborted) return;
  state.cancelTimer = state.dependencies.clock.schedule(dueMs, () => void refresh(state));
}
