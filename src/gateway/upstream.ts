/** The MCP server beside this gateway: requests to it, its readiness, and how it says that it lost a session. */
import { delay, type Clock } from '../std/index.ts';
import { EVENT_STREAM_TYPE, HEADER, isJsonObject } from '../mcp/index.ts';
import type { GatewayConfig, ResolvedTiming } from './config.ts';
import type { FlatHeaders } from './exchange.ts';
import { originOf, TransportError, type HttpClient, type HttpResponse } from './http-client.ts';

export interface UpstreamRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly headers: FlatHeaders;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
}

/** The port to the MCP server. */
export interface Upstream {
  /** Rejects with {@link TransportError}, or the signal's reason. */
  send(request: UpstreamRequest): Promise<HttpResponse>;
  /** True while the server answered the latest probe or request. */
  ready(): boolean;
  /** Resolves true once the server answers, false after `timeoutMs`. */
  waitReady(timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
  onChange(listener: (ready: boolean, detail: string) => void): () => void;
  start(): void;
  stop(): Promise<void>;
}

export interface UpstreamOptions {
  readonly config: GatewayConfig;
  readonly timing: ResolvedTiming;
  readonly client: HttpClient;
  readonly clock: Clock;
}

export function createUpstream(options: UpstreamOptions): Upstream {
  const { config, client, clock } = options;
  const { backend } = config;
  const origin = originOf('http', backend.host, backend.port);
  const checksHost = config.allowedHosts.length > 0;
  const stopped = new AbortController();
  const readiness = createReadiness(options, origin, stopped.signal);

  return {
    async send(request) {
      const headers: Record<string, string> = { ...request.headers };
      // See GatewayConfig.allowedHosts: whoever checks the Host is the one to see it.
      if (checksHost) headers[HEADER.host] = `localhost:${backend.port}`;
      try {
        const response = await client.request({ origin, path: backend.path, ...request, headers });
        readiness.become(true, 'answered');
        return response;
      } catch (error) {
        if (error instanceof TransportError) {
          if (!error.sent) readiness.become(false, error.message);
          else readiness.probe(0);
        }
        throw error;
      }
    },
    ready: readiness.ready,
    async waitReady(timeoutMs, signal) {
      if (readiness.ready()) return true;
      const done = new AbortController();
      const off = readiness.onChange(() => done.abort());
      const either = AbortSignal.any([done.signal, stopped.signal, ...(signal ? [signal] : [])]);
      await delay(clock, timeoutMs, either).catch(() => undefined);
      off();
      return readiness.ready();
    },
    onChange: readiness.onChange,
    start: () => readiness.probe(0),
    async stop() {
      stopped.abort();
      readiness.stop();
      await client.stop();
    },
  };
}

interface Readiness {
  ready(): boolean;
  become(ready: boolean, detail: string): void;
  onChange(listener: (ready: boolean, detail: string) => void): () => void;
  /** Probes after `delayMs`, and from then on at its intervals. */
  probe(delayMs: number): void;
  stop(): void;
}

function createReadiness(
  options: UpstreamOptions,
  origin: string,
  stopped: AbortSignal,
): Readiness {
  const { config, timing, client, clock } = options;
  const listeners = new Set<(ready: boolean, detail: string) => void>();
  let ready = false;
  let cancelProbe: () => void = () => undefined;

  const become = (next: boolean, detail: string): void => {
    if (next === ready) return;
    ready = next;
    for (const listener of [...listeners]) listener(ready, detail);
  };
  /** Any answer but "broken" will do: many servers know POST only and say 404 or 405 to this GET. */
  const ask = async (): Promise<void> => {
    const limit = AbortSignal.any([stopped, AbortSignal.timeout(timing.connectMs * 2)]);
    try {
      const response = await client.request({
        origin,
        path: config.backend.path,
        method: 'GET',
        headers: { accept: EVENT_STREAM_TYPE, host: `localhost:${config.backend.port}` },
        signal: limit,
      });
      response.body.destroy();
      become(response.status < 500, `status ${response.status}`);
    } catch (error) {
      if (!stopped.aborted) become(false, error instanceof Error ? error.message : String(error));
    }
  };
  const probe = (delayMs: number): void => {
    cancelProbe();
    if (stopped.aborted) return;
    cancelProbe = clock.schedule(delayMs, () => {
      void ask().then(() => probe(ready ? timing.probeReadyMs : timing.probeDownMs));
    });
  };
  return {
    ready: () => ready,
    become,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    probe,
    stop: () => cancelProbe(),
  };
}

/** Sentences by which servers say 400 instead of the specified 404 for a session they do not know. */
const LOST_SESSION =
  /no valid session id|server not initialized|session not found|unknown session/i;

/** True when this answer to a request *with* a session id means that the server does not know the session. */
export function saysSessionLost(status: number, body: string): boolean {
  if (status === 404) return true;
  if (status !== 400) return false;
  try {
    const value: unknown = JSON.parse(body);
    const error = isJsonObject(value) ? value['error'] : undefined;
    return isJsonObject(error) && LOST_SESSION.test(String(error['message']));
  } catch {
    return LOST_SESSION.test(body);
  }
}
