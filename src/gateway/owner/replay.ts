/** Rebuilds a session on this pod's MCP server from its record. */
import { isResult } from '../../mcp/index.ts';
import { withinTime } from '../../std/index.ts';
import type { RefusalCode } from '../core/types.ts';
import type { FlatHeaders } from '../exchange.ts';
import { TransportError } from '../http-client.ts';
import type { SessionRecord } from '../ports.ts';
import { backendHeaders } from './backend-headers.ts';
import { callBackend } from './call.ts';
import type { OwnerTools } from './session-state.ts';

export type ReplayOutcome =
  | {
      readonly type: 'ready';
      readonly backendSessionId: string | undefined;
      /** The server's session had survived its sidecar. */
      readonly adopted: boolean;
    }
  /** This server cannot stand in for the last one; no other of the same kind will. */
  | { readonly type: 'unfit'; readonly why: string }
  | { readonly type: 'failed'; readonly code: RefusalCode; readonly detail: string };

export interface ReplayOptions {
  readonly record: SessionRecord;
  /** Headers of the request that made the move necessary: they carry the client's credential. */
  readonly headers: FlatHeaders;
  /** Try the session the record names before a new one is opened. */
  readonly adopt: boolean;
  readonly signal: AbortSignal;
}

/** Never rejects. */
export async function replaySession(
  tools: OwnerTools,
  options: ReplayOptions,
): Promise<ReplayOutcome> {
  if (options.adopt && (await isStillKnown(tools, options)))
    return {
      type: 'ready',
      backendSessionId: options.record.backendSessionId,
      adopted: true,
    };
  const { record, headers, signal } = options;
  let backendSessionId: string | undefined;
  for (const step of tools.sessions.planReplay(record).steps) {
    if (step.type === 'notify') {
      const failure = await notify(tools, step.message, options, backendSessionId);
      if (failure !== undefined) return failure;
      continue;
    }
    const first = step.type === 'initialize';
    const outcome = await callBackend(tools, step.message, headers, {
      backendSessionId,
      protocolVersion: first ? null : record.protocolVersion,
      signal,
    });
    if (outcome.type === 'failed') return failed(outcome.sent, outcome.detail);
    if (!first) {
      const well = outcome.type === 'answer' && isResult(outcome.response);
      if (!well)
        tools.logger.warn('session state not restored', {
          session: record.id,
          method: step.message.method,
        });
      continue;
    }
    if (outcome.type === 'status') return failed(true, `initialize answered ${outcome.status}`);
    if (!isResult(outcome.response))
      return { type: 'unfit', why: `initialize: ${outcome.response.error.message}` };
    const why = tools.sessions.checkReplayedInitialize(record, outcome.response.result);
    backendSessionId = outcome.sessionId;
    if (why !== undefined) {
      endBackendSession(tools, headers, backendSessionId, record.protocolVersion);
      return { type: 'unfit', why };
    }
  }
  return { type: 'ready', backendSessionId, adopted: false };
}

/** Tells the server that nobody needs this session any more; best effort. */
export function endBackendSession(
  tools: OwnerTools,
  headers: FlatHeaders,
  backendSessionId: string | undefined,
  protocolVersion: string,
): void {
  if (backendSessionId === undefined) return;
  const { clock, timing, upstream } = tools;
  const fields = backendHeaders('DELETE', headers, { backendSessionId, protocolVersion });
  withinTime(clock, timing.connectMs * 5, async (signal) => {
    const response = await upstream.send({ method: 'DELETE', headers: fields, signal });
    await response.body.dump();
  }).catch(() => undefined);
}

async function isStillKnown(tools: OwnerTools, options: ReplayOptions): Promise<boolean> {
  const { record, headers, signal } = options;
  if (record.backendSessionId === undefined) return false;
  const outcome = await callBackend(
    tools,
    { jsonrpc: '2.0', id: 'mcp-cluster-adopt', method: 'ping' },
    headers,
    {
      backendSessionId: record.backendSessionId,
      protocolVersion: record.protocolVersion,
      signal,
    },
  );
  return outcome.type === 'answer' && isResult(outcome.response);
}

async function notify(
  tools: OwnerTools,
  message: object,
  options: ReplayOptions,
  backendSessionId: string | undefined,
): Promise<ReplayOutcome | undefined> {
  try {
    const response = await tools.upstream.send({
      method: 'POST',
      headers: backendHeaders('POST', options.headers, {
        backendSessionId,
        protocolVersion: options.record.protocolVersion,
      }),
      body: JSON.stringify(message),
      signal: options.signal,
    });
    await response.body.dump();
    return response.status < 300
      ? undefined
      : failed(true, `a notification was answered ${response.status}`);
  } catch (error) {
    return failed(!(error instanceof TransportError) || error.sent, String(error));
  }
}

function failed(sent: boolean, detail: string): ReplayOutcome {
  return { type: 'failed', code: sent ? 'backend-lost' : 'backend-down', detail };
}
