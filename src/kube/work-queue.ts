/** The queue of a controller: each key at most once, never with two workers, later with a delay that grows per key. */
import {
  createBackoff,
  type Backoff,
  type CancelTimer,
  type Clock,
  type Random,
} from '../std/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import { createQueueMeters, type QueueMeters } from './work-queue-metrics.ts';

export interface WorkQueueOptions {
  /** The controller's name; label `name` of the metrics. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** Back-off of one key: first and longest delay in ms; default 5 and 1 000 000. */
  readonly backoff?: { readonly initialMs: number; readonly maxMs: number };
  /** Keys waiting to be worked on; further ones are refused and counted. Default 100 000. */
  readonly keysMax?: number;
}

export interface WorkQueue {
  /** Adds a key that is not waiting already; one that is being worked on is given out again when it is done. */
  add(key: string): void;
  /** Adds after `delayMs`; of several delays for one key the earliest counts. */
  addAfter(key: string, delayMs: number): void;
  /** Adds after the key's back-off, which doubles with each call until {@link forget}. Returns the delay in ms. */
  addRateLimited(key: string): number;
  /** The key succeeded: its back-off begins anew. */
  forget(key: string): void;
  /** Failures of the key since it was forgotten. */
  failures(key: string): number;
  /** The next key; undefined once the queue is shut down. */
  next(): Promise<string | undefined>;
  /** To be called for each key that `next` gave out. */
  done(key: string): void;
  /** Gives out nothing more; waiting `next` calls resolve with undefined. */
  shutDown(): void;
  readonly depth: number;
}

interface State {
  readonly options: WorkQueueOptions;
  readonly meters: QueueMeters;
  /** In order of arrival, with the instant of arrival. */
  readonly waiting: Map<string, number>;
  /** With the instant their work began. */
  readonly processing: Map<string, number>;
  /** Came while they were processed. */
  readonly again: Set<string>;
  readonly timers: Map<string, { readonly at: number; readonly cancel: CancelTimer }>;
  readonly backoffs: Map<string, { readonly backoff: Backoff; failures: number }>;
  readonly takers: ((key: string | undefined) => void)[];
  isShutDown: boolean;
}

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const processing = new Map<string, number>();
  const state: State = {
    options,
    meters: createQueueMeters(options, () => processing.values()),
    waiting: new Map(),
    processing,
    again: new Set(),
    timers: new Map(),
    backoffs: new Map(),
    takers: [],
    isShutDown: false,
  };
  return {
    add: (key) => add(state, key),
    addAfter: (key, delayMs) => addAfter(state, key, delayMs),
    addRateLimited(key) {
      state.meters.retried();
      const delayMs = nextDelay(state, key);
      addAfter(state, key, delayMs);
      return delayMs;
    },
    forget: (key) => void state.backoffs.delete(key),
    failures: (key) => state.backoffs.get(key)?.failures ?? 0,
    next() {
      if (state.isShutDown) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        state.takers.push(resolve);
        giveOut(state);
      });
    },
    done: (key) => done(state, key),
    shutDown: () => shutDown(state),
    get depth() {
      return state.waiting.size;
    },
  };
}

function add(state: State, key: string): void {
  const { again, meters, options, processing, waiting } = state;
  if (state.isShutDown || waiting.has(key) || again.has(key)) return;
  if (waiting.size + again.size >= (options.keysMax ?? 100_000)) return meters.refused();
  meters.added();
  if (processing.has(key)) {
    again.add(key);
    return;
  }
  waiting.set(key, options.clock.monotonic());
  giveOut(state);
}

function addAfter(state: State, key: string, delayMs: number): void {
  const { clock } = state.options;
  if (state.isShutDown) return;
  if (delayMs <= 0) return add(state, key);
  const at = clock.monotonic() + delayMs;
  const existing = state.timers.get(key);
  if (existing !== undefined && existing.at <= at) return;
  existing?.cancel();
  const cancel = clock.schedule(delayMs, () => {
    state.timers.delete(key);
    add(state, key);
  });
  state.timers.set(key, { at, cancel });
}

/** Brings waiting keys and waiting workers together. */
function giveOut(state: State): void {
  const { clock } = state.options;
  for (const [key, since] of state.waiting) {
    const taker = state.takers.shift();
    if (taker === undefined) break;
    state.waiting.delete(key);
    state.processing.set(key, clock.monotonic());
    state.meters.taken((clock.monotonic() - since) / 1000);
    taker(key);
  }
  state.meters.depth(state.waiting.size);
}

function done(state: State, key: string): void {
  const { clock } = state.options;
  const startedAt = state.processing.get(key);
  if (startedAt === undefined) return;
  state.processing.delete(key);
  state.meters.worked((clock.monotonic() - startedAt) / 1000);
  if (!state.again.delete(key) || state.isShutDown) return;
  state.waiting.set(key, clock.monotonic());
  giveOut(state);
}

function nextDelay(state: State, key: string): number {
  const { options } = state;
  let entry = state.backoffs.get(key);
  if (entry === undefined) {
    const limits = options.backoff ?? { initialMs: 5, maxMs: 1_000_000 };
    entry = { backoff: createBackoff(limits, options.random), failures: 0 };
    state.backoffs.set(key, entry);
  }
  entry.failures += 1;
  return entry.backoff.next();
}

function shutDown(state: State): void {
  state.isShutDown = true;
  state.meters.stop();
  for (const { cancel } of state.timers.values()) cancel();
  state.timers.clear();
  state.waiting.clear();
  state.again.clear();
  for (const taker of state.takers.splice(0)) taker(undefined);
}
