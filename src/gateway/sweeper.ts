/** Ends idle sessions: each owner its own, and anybody those whose owner is gone. */
import type { Clock } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { GatewayEvents } from './events.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Cluster, Sessions } from './ports.ts';

export interface SweeperOptions {
  readonly sessions: Sessions;
  readonly cluster: Cluster;
  readonly events: GatewayEvents;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sweepMs: number;
  /** True for a session with a client connected to it. */
  readonly inUse: (sessionId: string) => boolean;
}

export function createSweeper(options: SweeperOptions): { start(): void; stop(): void } {
  const { sessions, cluster, events, metrics, clock, logger, sweepMs } = options;
  const stopped = new AbortController();
  let cancel = (): void => undefined;
  const sweep = async (): Promise<void> => {
    const ended = await sessions.directory.expireIdle(
      ({ id, owner }) =>
        owner.node === cluster.self.node
          ? !options.inUse(id)
          : cluster.ownerState(owner) === 'gone',
      stopped.signal,
    );
    metrics.expired.inc({}, ended.length);
    for (const id of ended) events.emit({ type: 'session-ended', id, why: 'expired' });
    // Copies that arrived after their session's end.
    sessions.held.prune((id) => sessions.directory.local(id) !== undefined);
    metrics.heldSessions.set(sessions.held.size);
    metrics.heldBytes.set(sessions.held.bytes);
  };
  const next = (): void => {
    cancel = clock.schedule(sweepMs, () => {
      sweep()
        .catch((error: unknown) => logger.warn('idle sessions not ended', { error: String(error) }))
        .finally(() => {
          if (!stopped.signal.aborted) next();
        });
    });
  };
  return {
    start: next,
    stop() {
      stopped.abort();
      cancel();
    },
  };
}
