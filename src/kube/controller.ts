/** A controller: workers take keys from a queue, reconcile them, and what comes out decides when the key is looked at again. */
import { AssertionError } from 'node:assert';
import { unreachable, type Clock, type Random } from '../std/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import { createMeters, type Meters } from './controller-metrics.ts';
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
  if (isFault(error)) meters.panicked();
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

/** What is thrown by a mistake in this program, as opposed to a failure it reckons with: Go would panic. */
function isFault(error: unknown): boolean {
  return !(error instanceof Error) || FAULTS.some((fault) => error instanceof fault);
}

const FAULTS = [TypeError, RangeError, ReferenceError, AssertionError];

/** With the stack of a bug, but not of a refusal by the server. */
function describe(error: unknown): string {
  if (error instanceof KubeError) return `${error.status} ${error.reason}: ${error.message}`;
  if (error instanceof TerminalError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
