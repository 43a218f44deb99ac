/**
 * Active probes of the MCP server beside this gateway. The probe is a `ping` under a session id that no server has: whatever
 * a server answers to it but 5xx, it answers, and it neither makes a session for it (some do for every request without an id)
 * nor can a session that died make a healthy server look ill.
 */
import { EVENT_STREAM_TYPE, HEADER, JSON_TYPE } from '../../mcp/index.ts';
import { withinTime, type Clock } from '../../std/index.ts';
import { createThresholds, type ProbeResult, type ThresholdRules } from '../core/thresholds.ts';
import { TransportError, type HttpClient, type HttpRequest } from '../http-client.ts';

export interface HealthCheckRules extends ThresholdRules {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface ActiveProbe {
  ready(): boolean;
  /** A request was answered, failed before it was sent, or broke off, which says as much as a probe. */
  observed(what: 'answered' | 'not-sent' | 'broken', detail: string): void;
  onChange(listener: (ready: boolean, detail: string) => void): () => void;
  /** One probe for somebody who wants to know now. */
  ask(signal: AbortSignal): Promise<boolean>;
  start(): void;
  stop(): void;
}

export interface ActiveProbeOptions {
  readonly client: HttpClient;
  readonly origin: string;
  readonly path: string;
  readonly host: string;
  /** Read at each probe. */
  readonly rules: () => HealthCheckRules;
  /** Between probes while the server does not answer. */
  readonly downIntervalMs: number;
  readonly clock: Clock;
}

/** Not the id of any session. */
export const PROBE_SESSION_ID = 'mcp-cluster-health-probe';
const PING = JSON.stringify({ jsonrpc: '2.0', id: 'mcp-cluster-health-probe', method: 'ping' });

export function createActiveProbe(options: ActiveProbeOptions): ActiveProbe {
  const { client, clock, rules } = options;
  const listeners = new Set<(ready: boolean, detail: string) => void>();
  const thresholds = createThresholds();
  const stopped = new AbortController();
  let ready = false;
  let cancel: () => void = () => undefined;

  const take = (result: ProbeResult, detail: string): void => {
    const next = thresholds.take(result, rules());
    if (next === ready) return;
    ready = next;
    if (!ready) schedule(options.downIntervalMs);
    for (const listener of [...listeners]) listener(ready, detail);
  };
  const ask = async (signal: AbortSignal): Promise<readonly [ProbeResult, string]> => {
    try {
      const response = await withinTime(
        clock,
        rules().timeoutMs,
        (limit) => client.request({ ...probeRequest(options), signal: limit }),
        signal,
      );
      response.body.destroy();
      return [response.status < 500 ? 'ok' : 'failed', `status ${response.status}`];
    } catch (error) {
      const gone = error instanceof TransportError && error.refused;
      return [gone ? 'gone' : 'failed', error instanceof Error ? error.message : String(error)];
    }
  };
  const schedule = (delayMs: number): void => {
    cancel();
    if (stopped.signal.aborted) return;
    cancel = clock.schedule(delayMs, () => void probe());
  };
  const probe = async (): Promise<void> => {
    const result = await ask(stopped.signal);
    if (stopped.signal.aborted) return;
    take(...result);
    schedule(ready ? rules().intervalMs : options.downIntervalMs);
  };
  return {
    ready: () => ready,
    observed(what, detail) {
      if (what === 'broken') schedule(0);
      else if (what === 'not-sent') take('gone', detail);
      else if (!ready) take('ok', detail);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ask: async (signal) => (await ask(signal))[0] === 'ok',
    start: () => schedule(0),
    stop() {
      stopped.abort();
      cancel();
    },
  };
}

function probeRequest({ origin, path, host }: ActiveProbeOptions): HttpRequest {
  return {
    origin,
    path,
    method: 'POST',
    headers: [
      ...[HEADER.accept, `${JSON_TYPE}, ${EVENT_STREAM_TYPE}`],
      ...[HEADER.contentType, JSON_TYPE],
      ...[HEADER.sessionId, PROBE_SESSION_ID],
      ...[HEADER.host, host],
    ],
    body: PING,
  };
}
