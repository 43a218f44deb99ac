/** What `tools/list` of this pod's MCP server says about its tools: which may be repeated, which arguments stand in headers. */
import {
  checkParamHeaders,
  isJsonObject,
  isResult,
  paramHeadersOf,
  type JsonObject,
  type McpError,
  type ParamHeader,
} from '../../mcp/index.ts';
import { withinTime, type Clock } from '../../std/index.ts';
import type { FlatHeaders } from '../exchange.ts';
import { callBackend } from '../owner/call.ts';
import type { OwnerTools } from '../owner/session-state.ts';
import { modernRequest } from './own-request.ts';

export interface ToolTable {
  /** Takes over what a result of `tools/list` says, whoever asked. */
  learn(result: unknown): void;
  /** Tools that declared themselves read-only or idempotent. */
  readonly repeatable: readonly string[];
  /**
   * What is wrong with the headers of a call, by the schema that the server has now; undefined when nothing is, or the schema
   * is not known: then the server decides.
   */
  checkCall(params: JsonObject, headers: FlatHeaders): Promise<McpError | undefined>;
  /** Another server may have started. With `read` it is asked, otherwise nothing is known. */
  reset(read: boolean): void;
}

export interface ToolTableOptions {
  readonly tools: Pick<OwnerTools, 'upstream'>;
  readonly clock: Clock;
  /** Aborts when the gateway stops. */
  readonly stopped: AbortSignal;
}

interface Tool {
  readonly repeatable: boolean;
  readonly headers: readonly ParamHeader[];
}

/** Tools that are remembered; of more the rest is unknown. */
const TOOLS_MAX = 10_000;
const PAGES_MAX = 20;
const READ_MS = 5_000;
/** A list that was read so recently is taken for the one in force. */
const FRESH_MS = 1_000;

export function createToolTable(options: ToolTableOptions): ToolTable {
  const { tools, clock, stopped } = options;
  let known = new Map<string, Tool>();
  let names: readonly string[] | undefined;
  let readAt = -Infinity;
  let reading: Promise<boolean> | undefined;

  const add = (tools: Map<string, Tool>, result: unknown): void => {
    const list = isJsonObject(result) ? result['tools'] : undefined;
    if (!Array.isArray(list)) return;
    for (const item of list) {
      if (!isJsonObject(item) || typeof item['name'] !== 'string') continue;
      if (tools.size < TOOLS_MAX || tools.has(item['name']))
        tools.set(item['name'], readTool(item));
    }
    names = undefined;
  };
  /** Reads the whole list, which then is what is known; false when the server does not give it to us. */
  const read = async (): Promise<boolean> => {
    const found = new Map<string, Tool>();
    let cursor: unknown;
    for (let page = 0; page < PAGES_MAX; page++) {
      const params = typeof cursor === 'string' ? { cursor } : {};
      const { message, headers } = modernRequest('tools/list', params);
      const call = (signal: AbortSignal) => callBackend(tools, message, headers, { signal });
      const outcome = await withinTime(clock, READ_MS, call, stopped);
      if (outcome.type !== 'answer' || !isResult(outcome.response)) return false;
      add(found, outcome.response.result);
      cursor = outcome.response.result['nextCursor'];
      if (cursor === undefined) break;
    }
    known = found;
    names = undefined;
    readAt = clock.monotonic();
    return true;
  };
  const refresh = (): Promise<boolean> => {
    if (clock.monotonic() - readAt < FRESH_MS) return Promise.resolve(true);
    reading ??= read().finally(() => (reading = undefined));
    return reading;
  };
  const check = (params: JsonObject, headers: FlatHeaders): McpError | undefined => {
    const tool = known.get(String(params['name']));
    if (tool === undefined || tool.headers.length === 0) return undefined;
    const args = params['arguments'];
    return checkParamHeaders(tool.headers, isJsonObject(args) ? args : undefined, headers);
  };

  return {
    learn: (result) => add(known, result),
    get repeatable() {
      names ??= [...known].flatMap(([name, tool]) => (tool.repeatable ? [name] : []));
      return names;
    },
    async checkCall(params, headers) {
      const error = check(params, headers);
      if (error === undefined) return undefined;
      // The schema may have changed since it was read, and only the one in force may refuse.
      return (await refresh()) ? check(params, headers) : undefined;
    },
    reset(readNow) {
      readAt = -Infinity;
      if (readNow) void refresh();
      else known = new Map();
      names = undefined;
    },
  };
}

function readTool(tool: JsonObject): Tool {
  const { annotations } = tool;
  const hints = isJsonObject(annotations) ? annotations : {};
  const repeatable = hints['readOnlyHint'] === true || hints['idempotentHint'] === true;
  return { repeatable, headers: paramHeadersOf(tool['inputSchema']) };
}
