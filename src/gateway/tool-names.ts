/** Names of the tools of this pod's MCP server, asked of it for policies that name tools: whether those exist is worth saying. */
import { isJsonObject, isResult, LEGACY_VERSIONS, type JsonRpcRequest } from '../mcp/index.ts';
import { withinTime, type Clock } from '../std/index.ts';
import { modernRequest } from './modern/own-request.ts';
import { backendHeaders } from './owner/backend-headers.ts';
import { callBackend } from './owner/call.ts';
import type { GatewayPolicies, RequestMatch } from './policies.ts';
import type { Upstream } from './upstream.ts';

export interface ToolNames {
  /** Undefined: no policy names a tool, or the server has not told (yet). Asks it in the background when that is due. */
  current(): readonly string[] | undefined;
  stop(): void;
}

export interface ToolNamesOptions {
  readonly upstream: Upstream;
  readonly policies: () => GatewayPolicies;
  readonly clock: Clock;
}

/** Pages of the list that are read, and names that are kept: a longer list counts as unknown. */
const PAGES_MAX = 20;
const NAMES_MAX = 1_000;
/** A server may change its tools while it runs. */
const FRESH_MS = 600_000;
const RETRY_MS = 10_000;
const ASK_MS = 10_000;

export function createToolNames({ upstream, policies, clock }: ToolNamesOptions): ToolNames {
  const stopped = new AbortController();
  let names: readonly string[] | undefined;
  let nextAt = -Infinity;
  let start = 0;
  const offChange = upstream.onChange(() => {
    // Another server may have come.
    start += 1;
    names = undefined;
    nextAt = -Infinity;
  });

  async function ask(): Promise<void> {
    const mine = start;
    nextAt = Infinity;
    const found = await withinTime(
      clock,
      ASK_MS,
      async (signal) =>
        (await askStateless(upstream, signal)) ?? (await askSession(upstream, signal)),
      stopped.signal,
    );
    if (mine !== start) return;
    names = found;
    nextAt = clock.monotonic() + (found === undefined ? RETRY_MS : FRESH_MS);
  }

  return {
    current() {
      if (!namesTools(policies())) return undefined;
      if (upstream.ready() && clock.monotonic() >= nextAt) void ask();
      return names;
    },
    stop() {
      offChange();
      stopped.abort();
    },
  };
}

/** True when a policy names a tool, for which it matters whether the server has it. */
function namesTools({ bulkheads, rateLimits, auth, loadBalancing }: GatewayPolicies): boolean {
  const inMatch = ({ match }: { readonly match: RequestMatch }): boolean =>
    match.tools !== undefined;
  return (
    bulkheads.some(inMatch) ||
    rateLimits.some(inMatch) ||
    auth.rules.some(({ tools }) => tools.some((tool) => tool !== '*')) ||
    loadBalancing.capabilities.length > 0 ||
    loadBalancing.stateHandles.some(({ tool }) => tool !== undefined)
  );
}

type Page = (cursor: string | undefined) => ReturnType<typeof callBackend>;

async function askStateless(
  upstream: Upstream,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  return readNames((cursor) => {
    const params = cursor === undefined ? {} : { cursor };
    const { message, headers } = modernRequest('tools/list', params);
    return callBackend({ upstream }, message, headers, { signal });
  });
}

/** A server that knows sessions only is given one, which ends with the answer. */
async function askSession(
  upstream: Upstream,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const tools = { upstream };
  const [protocolVersion] = LEGACY_VERSIONS;
  const clientInfo = { name: 'mcp-cluster-gateway', version: '1' };
  const initialize = request('initialize', { protocolVersion, capabilities: {}, clientInfo });
  const opened = await callBackend(tools, initialize, {}, { signal });
  if (opened.type !== 'answer' || !isResult(opened.response)) return undefined;
  const agreed = opened.response.result['protocolVersion'];
  const session = {
    backendSessionId: opened.sessionId,
    protocolVersion: typeof agreed === 'string' ? agreed : null,
  };
  const send = async (method: 'POST' | 'DELETE', body?: string): Promise<void> => {
    const headers = backendHeaders(method, {}, session);
    const more = body === undefined ? {} : { body };
    const { body: answer } = await upstream.send({ method, headers, ...more, signal });
    answer.destroy();
  };
  try {
    await send('POST', JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
    return await readNames((cursor) => {
      const list = request('tools/list', cursor === undefined ? {} : { cursor });
      return callBackend(tools, list, {}, { ...session, signal });
    });
  } catch {
    return undefined;
  } finally {
    if (opened.sessionId !== undefined) await send('DELETE').catch(() => undefined);
  }
}

function request(method: string, params: Readonly<Record<string, unknown>>): JsonRpcRequest {
  return { jsonrpc: '2.0', id: 'mcp-cluster-tools', method, params };
}

async function readNames(readPage: Page): Promise<readonly string[] | undefined> {
  const names = new Set<string>();
  let cursor: unknown;
  for (let page = 0; page < PAGES_MAX && names.size <= NAMES_MAX; page++) {
    const outcome = await readPage(typeof cursor === 'string' ? cursor : undefined);
    if (outcome.type !== 'answer' || !isResult(outcome.response)) return undefined;
    const { tools, nextCursor } = outcome.response.result;
    if (!Array.isArray(tools)) return undefined;
    for (const tool of tools as unknown[]) {
      if (isJsonObject(tool) && typeof tool['name'] === 'string') names.add(tool['name']);
    }
    if (nextCursor === undefined) return names.size > NAMES_MAX ? undefined : [...names];
    cursor = nextCursor;
  }
  return undefined;
}
