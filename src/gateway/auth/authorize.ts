/** Who may call which tool, and who gets to see which: after the body is parsed, before anything is done for the request. */
import {
  errorText,
  MCP_ERRORS,
  mcpError,
  type ClassifiedMessage,
  type McpErrorKind,
} from '../../mcp/index.ts';
import {
  plain,
  type Exchange,
  type Handler,
  type Interceptor,
  type PlainReply,
  type Reply,
} from '../exchange.ts';
import type { AuthPolicy } from '../policies.ts';
import type { Audit } from './audit.ts';
import { challengeHeaders } from './challenge.ts';
import { isPlain } from './plain-names.ts';
import { decide, type Decision } from './rules.ts';
import { filterReply } from './tool-filter.ts';

export interface AuthorizeOptions {
  readonly policies: () => { readonly auth: AuthPolicy };
  readonly audit: Audit;
}

export function authorize({ policies, audit }: AuthorizeOptions): Interceptor {
  const enforce = async (next: Handler, auth: AuthPolicy, exchange: Exchange): Promise<Reply> => {
    const refusal = judge(auth, audit, exchange);
    if (refusal !== undefined) return refusal;
    const reply = await next(exchange);
    if (!mayListTools(exchange)) return reply;
    const { principal } = exchange;
    return filterReply(reply, (tool) => decide(auth.rules, principal, tool).type === 'allowed');
  };
  return (next) => (exchange) => {
    const { auth } = policies();
    return auth.rules.length === 0 ? next(exchange) : enforce(next, auth, exchange);
  };
}

/** A list of tools comes to who asks for it, and again to who resumes a stream. */
function mayListTools({ method, parsed }: Exchange): boolean {
  return (
    method === 'GET' ||
    parsed?.messages.some(
      (item) => item.kind === 'request' && item.message.method === 'tools/list',
    ) === true
  );
}

function judge(auth: AuthPolicy, audit: Audit, exchange: Exchange): PlainReply | undefined {
  const { parsed, principal } = exchange;
  if (parsed === undefined) return undefined;
  if (!isPlain(exchange.body, parsed)) {
    const error = mcpError(MCP_ERRORS.invalidRequest, 'what it calls is said in two ways');
    return plain(error.kind.status, errorText(error));
  }
  const decisions = parsed.messages.map((item) => {
    const tool = toolIn(item);
    return tool === undefined ? undefined : decide(auth.rules, principal, tool);
  });
  const denied = decisions.findIndex((decision) => (decision?.type ?? 'allowed') !== 'allowed');
  const first = parsed.messages[denied];
  if (first === undefined) return undefined;
  const scopes = decisions.flatMap((each) => (each?.type === 'scopes' ? each.scopes : []));
  const fields = { tool: toolIn(first), tenant: principal.tenant, principal: principal.id };
  audit.refused(scopes.length > 0 ? 'scope' : 'tool', fields);
  const headers =
    scopes.length === 0
      ? {}
      : challengeHeaders(auth, { error: 'insufficient_scope', scopes: [...new Set(scopes)] });
  return plain(403, refusalText(parsed.batch, parsed.messages, decisions), headers);
}

/** The tool that a message calls; a name that is none is '', which only a rule about every tool fits. */
function toolIn(item: ClassifiedMessage): string | undefined {
  if (item.kind === 'response' || item.message.method !== 'tools/call') return undefined;
  const name = item.message.params?.['name'];
  return typeof name === 'string' ? name : '';
}

/** An error for each request: a batch is run as a whole or not at all. */
function refusalText(
  batch: boolean,
  messages: readonly ClassifiedMessage[],
  decisions: readonly (Decision | undefined)[],
): string {
  const texts = messages.flatMap((item, index) =>
    item.kind === 'request' ? [errorText(mcpError(kindOf(decisions[index])), item.message.id)] : [],
  );
  if (texts.length === 0) return errorText(mcpError(MCP_ERRORS.toolForbidden));
  return batch ? `[${texts.join(',')}]` : texts.join('');
}

function kindOf(decision: Decision | undefined): McpErrorKind {
  if (decision?.type === 'denied') return MCP_ERRORS.toolForbidden;
  return decision?.type === 'scopes' ? MCP_ERRORS.scopeRequired : MCP_ERRORS.batchRefused;
}
