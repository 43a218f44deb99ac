/** The MCP server beside this gateway: requests to it, its readiness, and how it says that it lost a session. */
import { delay, type Clock } from '../std/index.ts';
import { HEADER, isJsonObject } from '../mcp/index.ts';
import type { GatewayConfig, ResolvedTiming } from './config.ts';
import { createActiveProbe, type HealthCheckRules } from './health/active-probe.ts';
import { originOf, TransportError, type HttpClient, type HttpResponse } from './http-client.ts';

export interface UpstreamRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
}

/** The port to the MCP server. */
export interface Upstream {
  /** Rejects with {@link TransportError}, or the signal's reason. */
  send(request: UpstreamRequest): Promise<HttpResponse>;
  /** True while the server answers, by its probes and requests. */
  ready(): boolean;
  /** Asks the server now, by a read-only request without a session. */
  probe(signal: AbortSignal): Promise<boolean>;
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
  /** Read at each probe. */
  readonly healthCheck: () => HealthCheckRules;
}

export function createUpstream(options: UpstreamOptions): Upstream {
  const { config, client, clock } = options;
  const { backend } = config;
  const origin = originOf('http', backend.host, backend.port);
  // See GatewayConfig.allowedHosts: whoever checks the Host is the one to see it.
  const checksHost = config.allowedHosts.length > 0;
  const ownHost = `localhost:${backend.port}`;
  const stopped = new AbortController();
  const readiness = createActiveProbe({
    ...{ client, clock, origin, path: backend.path, host: `localhost:${backend.port}` },
    rules: options.healthCheck,
    downIntervalMs: options.timing.probeDownMs,
  });

  return {
    async send({ method, headers: given, body, signal }) {
      const headers = checksHost ? withHost(given, ownHost) : given;
      const request = { origin, path: backend.path, method, headers, signal };
      try {
        const response = await client.request(body === undefined ? request : { ...request, body });
        readiness.observed('answered', `status ${response.status}`);
        return response;
      } catch (error) {
        if (error instanceof TransportError) {
          readiness.observed(error.sent ? 'broken' : 'not-sent', error.message);
        }
        throw error;
      }
    },
    ready: readiness.ready,
    probe: readiness.ask,
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
    start: readiness.start,
    async stop() {
      stopped.abort();
      readiness.stop();
      await client.stop();
    },
  };
}

/** The same headers with another Host. */
function withHost(headers: readonly string[], host: string): string[] {
  const replaced: string[] = [HEADER.host, host];
  for (let i = 0; i < headers.length; i += 2) {
    const [name, value] = [headers[i] as string, headers[i + 1] as string];
    if (name !== HEADER.host) replaced.push(name, value);
  }
  return replaced;
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
