/** The member's lease: while it cannot have expired, this process may answer for the sessions it owns. */
import { createBackoff, delay, withinTime, type Clock, type Random } from '../std/index.ts';
import type { Store } from '../store/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';

/** Under `/members/<id>` stands the instance of the member's process; gateways read it for every forwarded request. */
export const MEMBERS_PREFIX = '/members/';
/** How long the cluster waits for a silent member before its sessions may be claimed. */
const LEASE_TTL_MS = 2_000;
const RENEW_INTERVAL_MS = 500;
/** Share of the TTL by which two machines' clocks may drift apart while the lease runs. */
const DRIFT_SHARE = 0.1;
const CALL_TIMEOUT_MS = 1_000;

export interface Ownership {
  /** True while no other member can have claimed what this process owns because of its silence. */
  valid(): boolean;
  start(): void;
  /** Gives the lease back, so that others may claim at once. */
  stop(): Promise<void>;
}

export interface OwnershipOptions {
  readonly nodeId: string;
  /** Random per process: another value means that what this process held in memory is gone. */
  readonly instance: string;
  readonly store: Pick<Store, 'lease' | 'put'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Keeps `/members/<nodeId>` alive under a lease of this process. */
export function createOwnership(options: OwnershipOptions): Ownership {
  const { store, clock, logger } = options;
  const stopping = new AbortController();
  const renewals = options.metrics.counter(
    'ownership_lease_renewals_total',
    "Renewals of this member's lease.",
    ['result'],
  );
  const backoff = createBackoff({ initialMs: 50, maxMs: RENEW_INTERVAL_MS }, options.random);
  let leaseId: number | undefined;
  let validUntil = -Infinity;
  let running: Promise<void> = Promise.resolve();

  /** One renewal; the lease counts from the instant before the request left. */
  async function renew(): Promise<void> {
    const sentAt = clock.monotonic();
    await withinTime(clock, CALL_TIMEOUT_MS, grantOrKeep, stopping.signal);
    validUntil = sentAt + LEASE_TTL_MS * (1 - DRIFT_SHARE);
  }

  async function grantOrKeep(signal: AbortSignal): Promise<void> {
    if (leaseId === undefined) {
      const lease = await store.lease.grant(LEASE_TTL_MS, signal);
      await store.put(`${MEMBERS_PREFIX}${options.nodeId}`, options.instance, {
        lease: lease.id,
        signal,
      });
      leaseId = lease.id;
    } else {
      await store.lease.keepAlive(leaseId, signal);
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      let pauseMs = RENEW_INTERVAL_MS;
      try {
        await renew();
        backoff.reset();
        renewals.inc({ result: 'ok' });
      } catch (error) {
        if (stopping.signal.aborted) return;
        renewals.inc({ result: 'failed' });
        if ((error as { code?: string }).code === 'lease-not-found') leaseId = undefined;
        pauseMs = backoff.next();
        logger.debug('lease was not renewed', { error: (error as Error).message });
      }
      await delay(clock, pauseMs, stopping.signal).catch(() => undefined);
    }
  }

  return {
    valid: () => clock.monotonic() < validUntil,
    start: () => void (running = run()),
    async stop() {
      stopping.abort();
      await running;
      validUntil = -Infinity;
      const id = leaseId;
      if (id === undefined) return;
      await withinTime(clock, CALL_TIMEOUT_MS, (signal) => store.lease.revoke(id, signal)).catch(
        (error: unknown) =>
          logger.debug('lease was not given back', { error: (error as Error).message }),
      );
    },
  };
}
