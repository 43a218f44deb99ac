/**
 * Leader election on a coordination.k8s.io Lease, as client-go does it: the clocks of the candidates are never compared,
 * each one measures on its own monotonic clock how long the record has not changed.
 */
import { delay, microTimeText, type Clock, type Random } from '../std/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import { isAlreadyExists, isConflict, isNotFound, KubeError } from './errors.ts';
import { RESOURCES } from './resources.ts';
import type { KubeClient, KubeResource } from './types.ts';

export interface LeaderElectionOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Unique per process, not only per host. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** How long others wait after the last renewal they saw; default 15 s. */
  readonly leaseDurationMs?: number;
  /** A leader that could not renew for so long gives up; default 10 s. */
  readonly renewDeadlineMs?: number;
  /** Between attempts; default 2 s. */
  readonly retryPeriodMs?: number;
  readonly onElected: () => void;
  /** Not called when {@link LeaderElection.stop} ends the leadership. */
  readonly onLost: () => void;
}

export interface LeaderElection {
  start(): void;
  /** Releases the lease, so that a successor need not wait for it to expire. */
  stop(): Promise<void>;
  /** False from the renew deadline on, even when the process was suspended meanwhile. */
  isLeader(): boolean;
  /** Identity of the holder that was seen last; undefined when there is none. */
  leader(): string | undefined;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

interface Lease extends KubeResource {
  readonly spec?: LeaseSpec;
}

interface State {
  /** The record as last seen, and when on our clock it was first seen like this. */
  observed?: { readonly lease: Lease; readonly record: string; readonly at: number };
  /** When the last successful renewal was sent, on our clock; undefined while not leading. */
  renewedAt?: number | undefined;
}

export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const election = new AbortController();
  const state: State = {};
  const gauge = options.metrics.gauge(
    'leader_election_master_status',
    'Whether this process is the leader (1) or not (0).',
    ['name'],
  );
  const context: Context = {
    options,
    state,
    leaseDurationMs: options.leaseDurationMs ?? 15_000,
    renewDeadlineMs: options.renewDeadlineMs ?? 10_000,
    retryPeriodMs: options.retryPeriodMs ?? 2000,
    report: (leading) => gauge.set(leading ? 1 : 0, { name: options.name }),
  };
  context.report(false);
  let loop: Promise<void> | undefined;
  return {
    start() {
      loop ??= run(context, election.signal);
    },
    async stop() {
      election.abort();
      await loop;
    },
    isLeader: () => isLeading(context),
    leader: () => state.observed?.lease.spec?.holderIdentity || undefined,
  };
}

interface Context {
  readonly options: LeaderElectionOptions;
  readonly state: State;
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
  report(leading: boolean): void;
}

function isLeading({ state, options, renewDeadlineMs }: Context): boolean {
  return (
    state.renewedAt !== undefined && options.clock.monotonic() - state.renewedAt < renewDeadlineMs
  );
}

async function run(context: Context, signal: AbortSignal): Promise<void> {
  const { options, state } = context;
  while (!signal.aborted) {
    if (!(await acquire(context, signal))) return;
    context.report(true);
    options.logger.info('became leader', { lease: options.name, identity: options.identity });
    options.onElected();
    await renewUntilLost(context, signal);
    context.report(false);
    if (signal.aborted) {
      if (isLeading(context)) await release(context);
      state.renewedAt = undefined;
      return;
    }
    state.renewedAt = undefined;
    options.logger.error('lost the leadership', { lease: options.name });
    options.onLost();
  }
}

/** True once leading, false when the signal aborted. */
async function acquire(context: Context, signal: AbortSignal): Promise<boolean> {
  const { options } = context;
  while (!signal.aborted) {
    if (await attempt(context, signal)) return true;
    // Spread in [1, 2.2] periods, so that candidates of one moment do not collide for ever.
    const waitMs = context.retryPeriodMs * (1 + options.random.next() * 1.2);
    await delay(options.clock, waitMs, signal).catch(() => undefined);
  }
  return false;
}

/** Returns when the renew deadline has passed without a renewal, when another one holds the lease, or at the signal. */
async function renewUntilLost(context: Context, signal: AbortSignal): Promise<void> {
  const { options, state } = context;
  while (isLeading(context)) {
    await delay(options.clock, context.retryPeriodMs, signal).catch(() => undefined);
    // After a suspension it was not leader for a while: that counts as lost, even if nobody took over.
    if (signal.aborted || !isLeading(context)) return;
    await attempt(context, signal);
    const holder = state.observed?.lease.spec?.holderIdentity;
    if (holder !== options.identity) return;
  }
}

/** One try to take or renew the lease; never throws, and never outlasts the renew deadline. */
async function attempt(context: Context, signal: AbortSignal): Promise<boolean> {
  const { options, state, renewDeadlineMs } = context;
  const sentAt = options.clock.monotonic();
  const deadline = new AbortController();
  const leftMs =
    state.renewedAt === undefined ? renewDeadlineMs : state.renewedAt + renewDeadlineMs - sentAt;
  const cancel = options.clock.schedule(leftMs, () => deadline.abort(new Error('renew deadline')));
  try {
    const taken = await takeOrRenew(context, AbortSignal.any([signal, deadline.signal]));
    if (taken) state.renewedAt = sentAt;
    return taken;
  } catch (error) {
    if (isConflict(error) || isAlreadyExists(error)) return false;
    if (!signal.aborted) {
      options.logger.warn('leader election request failed', {
        lease: options.name,
        error: error instanceof KubeError ? `${error.status} ${error.reason}` : String(error),
      });
    }
    return false;
  } finally {
    cancel();
  }
}

async function takeOrRenew(context: Context, signal: AbortSignal): Promise<boolean> {
  const { options, state } = context;
  const { client, namespace, name, identity } = options;
  // Who leads knows the record, and learns from a refusal when it does not: half the requests. As client-go does it.
  if (state.observed !== undefined && isLeading(context)) {
    try {
      return await write(context, state.observed.lease, signal);
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }
  const lease = await client.get<Lease>(RESOURCES.leases, { namespace, name }, { signal });
  if (lease === undefined) {
    const created = newLease(options, recordOf(context, undefined));
    observe(context, await client.create(RESOURCES.leases, created, { signal }));
    return true;
  }
  observe(context, lease);
  const spec = lease.spec ?? {};
  const holder = spec.holderIdentity ?? '';
  if (holder !== '' && holder !== identity && !isExpired(context, spec)) return false;
  return write(context, lease, signal);
}

/** Puts our record in the place of what `lease` shows; rejects with a conflict when that is not the latest. */
async function write(context: Context, lease: Lease, signal: AbortSignal): Promise<boolean> {
  const { client, identity } = context.options;
  const next = { ...lease, spec: recordOf(context, lease.spec ?? {}) };
  observe(context, await client.replace(RESOURCES.leases, next, { signal }));
  return context.state.observed?.lease.spec?.holderIdentity === identity;
}

/** Measured from when we first saw this record, for as long as its holder asked for. */
function isExpired({ options, state, leaseDurationMs }: Context, spec: LeaseSpec): boolean {
  if (state.observed === undefined) return false;
  const asked = spec.leaseDurationSeconds;
  const durationMs = asked === undefined ? leaseDurationMs : asked * 1000;
  return options.clock.monotonic() - state.observed.at >= durationMs;
}

function observe({ options, state }: Context, lease: Lease): void {
  const record = JSON.stringify(lease.spec ?? {});
  if (state.observed?.record === record) {
    state.observed = { ...state.observed, lease };
    return;
  }
  state.observed = { lease, record, at: options.clock.monotonic() };
}

function recordOf({ options, leaseDurationMs }: Context, old: LeaseSpec | undefined): LeaseSpec {
  const now = microTimeText(options.clock.wall());
  const isOurs = old?.holderIdentity === options.identity;
  const transitions = old?.leaseTransitions ?? 0;
  return {
    holderIdentity: options.identity,
    leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
    acquireTime: isOurs ? (old.acquireTime ?? now) : now,
    renewTime: now,
    leaseTransitions: old === undefined || isOurs ? transitions : transitions + 1,
  };
}

function newLease({ namespace, name }: LeaderElectionOptions, spec: LeaseSpec): Lease {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace, name },
    spec,
  };
}

/** An empty holder may be replaced at once; the version makes sure that we release only our own. */
async function release(context: Context): Promise<void> {
  const { client, clock, identity, logger, namespace, name } = context.options;
  const limit = new AbortController();
  const cancel = clock.schedule(context.retryPeriodMs, () => limit.abort(new Error('too slow')));
  const { signal } = limit;
  try {
    // Read again: the answer to the last renewal may have been lost with its new version.
    const lease = await client.get<Lease>(RESOURCES.leases, { namespace, name }, { signal });
    if (lease?.spec?.holderIdentity !== identity) return;
    const now = microTimeText(clock.wall());
    const freed = { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
    const next: Lease = { ...lease, spec: { ...lease.spec, ...freed } };
    await client.replace(RESOURCES.leases, next, { signal });
    logger.info('released the leadership', { lease: name });
  } catch {
    logger.warn('could not release the leadership', { lease: name });
  } finally {
    cancel();
  }
}
