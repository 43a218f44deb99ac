/** Opens a session: the server's answer first, then the replicated record, and only then the answer to the client. */
import {
  errorText,
  isJsonObject,
  isResult,
  MCP_ERRORS,
  mcpError,
  type JsonObject,
  type ParsedBody,
} from '../../mcp/index.ts';
import { withinTime } from '../../std/index.ts';
import { plain, refused, type OwnerReply, type OwnerRequest } from '../exchange.ts';
import type { Owner, SessionRecord } from '../ports.ts';
import { callBackend } from './call.ts';
import { endBackendSession } from './replay.ts';
import type { OwnerTools } from './session-state.ts';

export interface Initialized {
  readonly record: SessionRecord;
  readonly backendSessionId: string | undefined;
  readonly reply: OwnerReply;
}

/** A session and the answer that opens it, or only an answer when there is none. Never rejects. */
export async function initializeSession(
  tools: OwnerTools,
  self: Owner,
  request: OwnerRequest,
  parsed: ParsedBody,
): Promise<Initialized | OwnerReply> {
  const { sessions, timing, upstream, clock } = tools;
  const [first] = parsed.messages;
  if (first?.kind !== 'request') return plain(400, errorText(mcpError(MCP_ERRORS.invalidRequest)));
  if (!(await upstream.waitReady(timing.backendWaitMs)))
    return refused('backend-down', false, 'the MCP server does not answer');
  const { message } = first;
  const outcome = await withinTime(clock, timing.exchangeMs, (signal) =>
    callBackend(tools, message, request.headers, { protocolVersion: null, signal }),
  );
  // Repeating an initialize opens one session too many at worst, which nobody can reach.
  if (outcome.type === 'failed') return refused('backend-down', outcome.sent, outcome.detail);
  if (outcome.type === 'status') {
    if (outcome.status < 500) return plain(outcome.status, outcome.body);
    return refused('backend-down', true, `initialize answered ${outcome.status}`);
  }
  if (!isResult(outcome.response)) return plain(200, JSON.stringify(outcome.response));
  const { result } = outcome.response;
  const params: JsonObject = message.params ?? {};
  const now = clock.wall();
  const record: SessionRecord = {
    id: request.sessionId,
    era: 'legacy',
    owner: { node: self.node, instance: self.instance },
    epoch: 1,
    ...(outcome.sessionId === undefined ? {} : { backendSessionId: outcome.sessionId }),
    initialize: { ...params, protocolVersion: String(params['protocolVersion']) },
    protocolVersion: String(result['protocolVersion']),
    serverCapabilities: isJsonObject(result['capabilities']) ? result['capabilities'] : {},
    initialized: false,
    subscriptions: [],
    repeatableTools: [],
    principal: request.principal ?? 'anonymous',
    createdAt: now,
    lastSeenAt: now,
  };
  const { directory } = sessions;
  const created = await withinTime(clock, timing.commitMs, (signal) =>
    directory.create(record, signal),
  ).catch((error: unknown) => String(error));
  if (created !== true) {
    endBackendSession(tools, request.headers, outcome.sessionId, record.protocolVersion);
    return plain(503, errorText(mcpError(MCP_ERRORS.unavailable), message.id), {
      'retry-after': '1',
    });
  }
  const reply = plain(200, JSON.stringify(outcome.response), { 'mcp-session-id': record.id });
  return { record, backendSessionId: outcome.sessionId, reply };
}
