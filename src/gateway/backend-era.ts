/**
 * Which era the MCP server of this pod speaks, asked once after each of its starts with `server/discover`. Requests with
 * sessions are not judged by it: the server refuses them itself if it must.
 */
import {
  isJsonObject,
  isResult,
  MCP_ERRORS,
  MODERN_VERSIONS,
  type JsonRpcRequest,
} from '../mcp/index.ts';
import { createBackoff, delay, withinTime, type Clock, type Random } from '../std/index.ts';
import type { FlatHeaders } from './exchange.ts';
import { modernRequest } from './modern/own-request.ts';
import { callBackend, type CallOutcome } from './owner/call.ts';
import type { OwnerTools } from './owner/session-state.ts';

export type BackendEra =
  /** Answers stateless requests of these revisions. */
  | { readonly type: 'modern'; readonly versions: readonly string[] }
  /** Knows sessions only. */
  | { readonly type: 'legacy' }
  /** Does not say so to us, who have no credentials: whatever it is asked, it answers itself. */
  | { readonly type: 'unsaid' };

export interface BackendEraProbe {
  /** The era once it is known; undefined when the server is down, or does not say within `timeoutMs`. */
  get(timeoutMs: number, signal: AbortSignal): Promise<BackendEra | undefined>;
  /** The server may have been replaced by another: it is asked again, and taken for what it was meanwhile. */
  doubt(): void;
  stop(): void;
}

export interface BackendEraOptions {
  readonly tools: Pick<OwnerTools, 'upstream'>;
  /** Longest time one probe may take. */
  readonly probeMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Called for each answer, thus after each start of the server. */
  readonly onKnown: (era: BackendEra) => void;
}

export function createBackendEra(options: BackendEraOptions): BackendEraProbe {
  const { tools, clock } = options;
  const stopped = new AbortController();
  const waiting = new Set<() => void>();
  let era: BackendEra | undefined;
  /** Counts the probes: an answer to an earlier one counts for nothing. */
  let start = 0;

  const wakeAll = (): void => {
    for (const wake of [...waiting]) wake();
  };
  const probe = async (): Promise<void> => {
    const mine = ++start;
    const backoff = createBackoff({ initialMs: 20, maxMs: 1_000 }, options.random);
    const isOver = (): boolean => stopped.signal.aborted || mine !== start;
    while (!isOver() && tools.upstream.ready()) {
      const found = eraOf(await ask(options, stopped.signal));
      if (isOver()) return;
      if (found !== undefined) {
        era = found;
        options.onKnown(found);
        return wakeAll();
      }
      await delay(clock, backoff.next(), stopped.signal).catch(() => undefined);
    }
  };
  const offChange = tools.upstream.onChange((ready) => {
    era = undefined;
    if (ready) void probe();
    else wakeAll();
  });

  return {
    async get(timeoutMs, signal) {
      if (era !== undefined || !tools.upstream.ready()) return era;
      const known = new AbortController();
      const wake = (): void => known.abort();
      waiting.add(wake);
      const any = AbortSignal.any([known.signal, signal, stopped.signal]);
      await delay(clock, timeoutMs, any).catch(() => undefined);
      waiting.delete(wake);
      return era;
    },
    doubt: () => void probe(),
    stop() {
      offChange();
      stopped.abort();
    },
  };
}

async function ask(options: BackendEraOptions, stopped: AbortSignal): Promise<CallOutcome> {
  const { message, headers }: { message: JsonRpcRequest; headers: FlatHeaders } =
    modernRequest('server/discover');
  const { tools, clock, probeMs } = options;
  return withinTime(
    clock,
    probeMs,
    (signal) => callBackend(tools, message, headers, { signal }),
    stopped,
  );
}

/** What an answer to `server/discover` says; undefined when it says nothing, as while a server starts. */
export function eraOf(outcome: CallOutcome): BackendEra | undefined {
  if (outcome.type === 'failed') return undefined;
  if (outcome.type === 'answer') {
    const { response } = outcome;
    if (!isResult(response)) return eraOfError(response.error.code, response.error.data);
    const versions = texts(response.result['supportedVersions']);
    return versions === undefined ? { type: 'legacy' } : { type: 'modern', versions };
  }
  const { status, body } = outcome;
  if (status === 401 || status === 403) return { type: 'unsaid' };
  if (status === 429 || status >= 500) return undefined;
  const error = errorIn(body);
  return error === undefined ? { type: 'legacy' } : eraOfError(error['code'], error['data']);
}

/** The stateless revision has codes of its own; whoever uses one speaks it. */
function eraOfError(code: unknown, data: unknown): BackendEra {
  if (code === MCP_ERRORS.unsupportedProtocolVersion.code) {
    const versions = isJsonObject(data) ? texts(data['supported']) : undefined;
    return versions === undefined ? { type: 'legacy' } : { type: 'modern', versions };
  }
  const modern = code === MCP_ERRORS.headerMismatch.code || code === MISSING_CAPABILITY;
  return modern ? { type: 'modern', versions: MODERN_VERSIONS } : { type: 'legacy' };
}

/** MissingRequiredClientCapability: said by servers only. */
const MISSING_CAPABILITY = -32021;

function texts(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return value.every((item) => typeof item === 'string') ? value : undefined;
}

function errorIn(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    const error = isJsonObject(value) ? value['error'] : undefined;
    return isJsonObject(error) ? error : undefined;
  } catch {
    return undefined;
  }
}
