/** A controller: workers take keys from a queue, reconcile them, and what comes out decides when the key is looked at again. */
import { unreachable, type Clock, type Random } from '../std/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import { isConflict, KubeError, TerminalError } from './errors.ts';
import type { Outcome } from './types.ts';
import { createWorkQueue, type WorkQueue, type WorkQueueOptions } from './work-queue.ts';

export interface ControllerOptions {
  readonly name: string;
  /** Brings the world closer to what the object `key` asks for. `signal` aborts at stop and at the time-out. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<Outcome>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Keys reconciled at once; one key is never reconciled twice at once. Default 1. */
  readonly workersMax?: number;
  /** After so long the reconcile's signal aborts; default 60 s. */
  readonly reconcileTimeoutMs?: number;
  readonly backoff?: WorkQueueOptions['backoff'];
}

export interface Controller {
  enqueue(key: string): void;
  enqueueAfter(key: string, delayMs: number): void;
  start(): void;
  /** Aborts what is running and resolves when every worker has returned. */
  stop(): Promise<void>;
}

export function createController(options: ControllerOptions): Controller {
  const { name, clock, random, metrics } = options;
  const queue = createWorkQueue({
    name,
    clock,
    random,
    metrics,
    ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
  });
  const workersMax = options.workersMax ?? 1;
  const meters = createMeters(options);
  meters.workersMax(workersMax);
  const abort = new AbortController();
  const context: Context = { options, queue, meters, stopping: abort.signal };
  let workers: Promise<void>[] = [];
  return {
    enqueue: queue.add,
    enqueueAfter: queue.addAfter,
    start() {
      if (workers.length > 0 || abort.signal.aborted) return;
      workers = Array.from({ length: workersMax }, () => work(context));
    },
    async stop() {
      queue.shutDown();
      abort.abort(new Error('the controller is stopping'));
      await Promise.all(workers);
    },
  };
}

interface Context {
  readonly options: ControllerOptions;
  readonly queue: WorkQueue;
  readonly meters: Meters;
  readonly stopping: AbortSignal;
}

async function work(context: Context): Promise<void> {
  for (;;) {
    const key = await context.queue.next();
    if (key === undefined) return;
    context.meters.active(1);
    const startedAt = context.options.clock.monotonic();
    try {
      await reconcileKey(context, key);
    } finally {
      context.meters.duration((context.options.clock.monotonic() - startedAt) / 1000);
      context.meters.active(-1);
      context.queue.done(key);
    }
  }
}

async function reconcileKey(context: Context, key: string): Promise<void> {
  const { options, queue, meters } = context;
  const timeoutMs = options.reconcileTimeoutMs ?? 60_000;
  const timeout = new AbortController();
  // The worker goes on waiting after the abort: returning early would let two reconciles of one key overlap.
  const cancel = options.clock.schedule(timeoutMs, () => {
    meters.timedOut();
    options.logger.warn('reconcile takes too long', {
      controller: options.name,
      object: key,
      timeoutMs,
    });
    timeout.abort(new Error(`the reconcile took longer than ${timeoutMs} ms`));
  });
  try {
    const signal = AbortSignal.any([context.stopping, timeout.signal]);
    const outcome = await options.reconcile(key, signal);
    queue.forget(key);
    settle(context, key, outcome);
  } catch (error) {
    if (!context.stopping.aborted) fail(context, key, error);
  } finally {
    cancel();
  }
}

function settle(context: Context, key: string, outcome: Outcome): void {
  const { options, queue, meters } = context;
  switch (outcome.kind) {
    case 'settled':
      return meters.result('success');
    case 'requeueAfter':
      queue.addAfter(key, outcome.afterMs);
      return meters.result('requeue_after');
    case 'blocked':
      options.logger.info('reconcile is blocked', {
        controller: options.name,
        object: key,
        reason: outcome.reason,
      });
      return meters.result('blocked');
    default:
      return unreachable(outcome);
  }
}

function fail(context: Context, key: string, error: unknown): void {
  const { options, queue, meters } = context;
  const fields = { controller: options.name, object: key, error: describe(error) };
  meters.result('error');
  if (error instanceof TerminalError) {
    queue.forget(key);
    meters.terminal();
    options.logger.error('reconcile failed for good', fields);
    return;
  }
  const retryInMs = Math.round(queue.addRateLimited(key));
  // Somebody else wrote first: the cache is about to show it, and the next attempt will see it.
  if (isConflict(error)) options.logger.debug('reconcile met a conflict', { ...fields, retryInMs });
  else options.logger.error('reconcile failed', { ...fields, retryInMs });
}

/** With the stack of a bug, but not of a refusal by the server. */
function describe(error: unknown): string {
  if (error instanceof KubeError) return `${error.status} ${error.reason}: ${error.message}`;
  if (error instanceof TerminalError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

interface Meters {
  result(result: 'success' | 'error' | 'requeue_after' | 'blocked'): void;
  terminal(): void;
  timedOut(): void;
  duration(seconds: number): void;
  active(change: 1 | -1): void;
  workersMax(workers: number): void;
}

const RECONCILE_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1,
  1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

/** The names of controller-runtime, so that stock dashboards and alerts work. */
function createMeters({ name, metrics }: ControllerOptions): Meters {
  const prefix = 'controller_runtime';
  const labels = { controller: name };
  const counter = (metric: string, help: string) =>
    metrics.counter(`${prefix}_${metric}`, help, ['controller']);
  const gauge = (metric: string, help: string) =>
    metrics.gauge(`${prefix}_${metric}`, help, ['controller']);
  const results = metrics.counter(
    `${prefix}_reconcile_total`,
    'Reconciles by result (success, error, requeue_after, blocked).',
    ['controller', 'result'],
  );
  const errors = counter('reconcile_errors_total', 'Reconciles that failed.');
  const terminal = counter('terminal_reconcile_errors_total', 'Reconciles that failed for good.');
  const timeouts = counter('reconcile_timeouts_total', 'Reconciles that took too long.');
  const duration = metrics.histogram(
    `${prefix}_reconcile_time_seconds`,
    'Length of time of one reconcile.',
    ['controller'],
    RECONCILE_SECONDS,
  );
  const activeWorkers = gauge('active_workers', 'Workers that are reconciling.');
  const workersMax = gauge('max_concurrent_reconciles', 'Keys reconciled at once at most.');
  let active = 0;
  return {
    result(result) {
      results.inc({ ...labels, result });
      if (result === 'error') errors.inc(labels);
    },
    terminal: () => terminal.inc(labels),
    timedOut: () => timeouts.inc(labels),
    duration: (seconds) => duration.observe(seconds, labels),
    active: (change) => activeWorkers.set((active += change), labels),
    workersMax: (workers) => workersMax.set(workers, labels),
  };
}
