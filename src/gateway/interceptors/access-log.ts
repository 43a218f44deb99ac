/** Outermost: counts and times every request, and turns what should not happen into an answer instead of a crash. */
import { errorText, MCP_ERRORS, mcpError } from '../../mcp/index.ts';
import type { Clock } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { plain, type Interceptor, type Reply } from '../exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';

export interface AccessLogOptions {
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function accessLog(options: AccessLogOptions): Interceptor {
  const { metrics, clock, logger } = options;
  return (next) => async (exchange) => {
    const startedAt = clock.monotonic();
    let reply: Reply;
    try {
      reply = await next(exchange);
    } catch (error) {
      if (!exchange.signal.aborted)
        logger.error('request failed', { method: exchange.label, error: String(error) });
      reply = plain(503, errorText(mcpError(MCP_ERRORS.unavailable)));
    }
    const status = reply.type === 'stream' ? 200 : reply.status;
    const durationMs = clock.monotonic() - startedAt;
    metrics.requests.inc({ method: exchange.label, status: String(status) });
    metrics.duration.observe(durationMs / 1000, { method: exchange.label });
    logger.debug('request', { method: exchange.label, status, durationMs });
    return reply;
  };
}
