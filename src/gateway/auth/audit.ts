/** Refused callers: each is counted, and of each reason one line an interval is logged, without credentials. */
import type { Clock } from '../../std/index.ts';
import type { LogFields, Logger } from '../../telemetry/index.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { InvalidReason } from './verdict.ts';

export type RefusedBecause =
  | InvalidReason
  | 'host'
  | 'missing-token'
  | 'origin'
  | 'scope'
  | 'tool'
  | 'unavailable'
  | 'unknown-token';

export interface Audit {
  /** `fields` must not hold what a client keeps secret; text of the client is cut. */
  refused(reason: RefusedBecause, fields?: LogFields): void;
}

export interface AuditOptions {
  readonly metrics: Pick<GatewayMetrics, 'unauthorized'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const LOG_INTERVAL_MS = 10_000;
const FIELD_LENGTH_MAX = 200;

export function createAudit({ metrics, clock, logger }: AuditOptions): Audit {
  /** One entry for each reason at most. */
  const logged = new Map<RefusedBecause, { at: number; since: number }>();
  return {
    refused(reason, fields = {}) {
      metrics.unauthorized.inc({ reason });
      const entry = logged.get(reason) ?? { at: -Infinity, since: 0 };
      entry.since += 1;
      logged.set(reason, entry);
      if (clock.monotonic() - entry.at < LOG_INTERVAL_MS) return;
      logger.warn('callers refused', { reason, count: entry.since, ...shortened(fields) });
      entry.at = clock.monotonic();
      entry.since = 0;
    },
  };
}

const shortened = (fields: LogFields): LogFields =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' ? value.slice(0, FIELD_LENGTH_MAX) : value,
    ]),
  );
