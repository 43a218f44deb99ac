/**
 * The lists of an MCP server as its session's client knows them. Another server's may differ, and the client, which keeps
 * what it has read, must be told.
 */
import { createHash } from 'node:crypto';
import { isJsonObject, isResult, type JsonObject, type ParsedBody } from '../../mcp/index.ts';
import { withinTime } from '../../std/index.ts';
import { isRepeatable } from '../repeat.ts';
import { callBackend } from './call.ts';
import { commit, type SessionState } from './session-state.ts';

interface ListTraits {
  /** Where a result has its items. */
  readonly field: string;
  readonly capability: 'tools' | 'prompts' | 'resources';
}

/** By method. */
export const LISTS: Readonly<Record<string, ListTraits>> = {
  'tools/list': { field: 'tools', capability: 'tools' },
  'prompts/list': { field: 'prompts', capability: 'prompts' },
  'resources/list': { field: 'resources', capability: 'resources' },
  'resources/templates/list': { field: 'resourceTemplates', capability: 'resources' },
};

/** Names of tools kept per session; a longer list keeps its beginning. */
export const REPEATABLE_TOOLS_MAX = 512;
/** Items of one list that count, in all its pages. */
const ITEMS_MAX = 10_000;
const PAGES_MAX = 100;

/** One list while its pages are read. */
export interface ListReading {
  readonly items: string[];
  readonly repeatable: string[];
}

export const createListReading = (): ListReading => ({ items: [], repeatable: [] });

/** Adds a page; true when it was the last one. */
export function readPage(reading: ListReading, method: string, result: JsonObject): boolean {
  const list = result[LISTS[method]?.field ?? ''];
  for (const item of Array.isArray(list) ? (list as unknown[]) : []) {
    if (reading.items.length >= ITEMS_MAX) break;
    reading.items.push(createHash('sha256').update(JSON.stringify(item)).digest('base64url'));
    if (isRepeatableTool(item)) reading.repeatable.push(item.name);
  }
  return result['nextCursor'] === undefined;
}

/** The same for the same items in whatever order and pages. */
export function digestOf(reading: ListReading): string {
  const all = reading.items.toSorted().join('\n');
  return createHash('sha256').update(all).digest('base64url').slice(0, 22);
}

/** Says of itself that a second call does no harm. */
function isRepeatableTool(tool: unknown): tool is { readonly name: string } {
  if (!isJsonObject(tool) || typeof tool['name'] !== 'string') return false;
  const hints = tool['annotations'];
  return (
    isJsonObject(hints) && (hints['readOnlyHint'] === true || hints['idempotentHint'] === true)
  );
}

/** Reads a whole list from this session's server for the gateway itself; undefined when the server does not give it. */
export async function readList(
  state: SessionState,
  method: string,
  signal: AbortSignal,
): Promise<ListReading | undefined> {
  const reading = createListReading();
  let cursor: unknown;
  for (let page = 0; page < PAGES_MAX; page++) {
    const params = typeof cursor === 'string' ? { cursor } : {};
    const outcome = await callBackend(
      state.tools,
      { jsonrpc: '2.0', id: `mcp-cluster-list:${page}`, method, params },
      state.clientHeaders,
      {
        backendSessionId: state.backendSessionId,
        protocolVersion: state.record.protocolVersion,
        signal,
      },
    );
    if (outcome.type !== 'answer' || !isResult(outcome.response)) return undefined;
    if (readPage(reading, method, outcome.response.result)) return reading;
    cursor = outcome.response.result['nextCursor'];
  }
  return undefined;
}

/** May a request that was lost be run again here? Asks the server about its tools where the client never did. */
export async function mayRepeat(state: SessionState, parsed: ParsedBody): Promise<boolean> {
  const known = isRepeatable(parsed, state.record.repeatableTools);
  return known || isRepeatable(parsed, await learnTools(state));
}

async function learnTools(state: SessionState): Promise<readonly string[]> {
  const { clock, timing, logger } = state.tools;
  const read = (signal: AbortSignal) => readList(state, 'tools/list', signal);
  const reading = await withinTime(clock, timing.commitMs, read, state.signal);
  if (reading === undefined) return [];
  const repeatableTools = reading.repeatable.slice(0, REPEATABLE_TOOLS_MAX);
  // For the next time, and the other pods: whoever asks now need not wait until they have agreed.
  commit(state, (record) => ({ ...record, repeatableTools })).catch((error: unknown) =>
    logger.warn('tools not noted', { session: state.id, error: String(error) }),
  );
  return repeatableTools;
}

/** After a move: tells the client which of the lists it has read are others here, where the server promised to tell. */
export async function announceChangedLists(state: SessionState): Promise<void> {
  const { listDigests = {}, serverCapabilities } = state.record;
  const changed = new Set<string>();
  for (const [method, known] of Object.entries(listDigests)) {
    const { capability } = LISTS[method] ?? {};
    const promised = capability === undefined ? undefined : serverCapabilities[capability];
    if (!isJsonObject(promised) || promised['listChanged'] !== true) continue;
    const { clock, timing } = state.tools;
    const read = (signal: AbortSignal) => readList(state, method, signal);
    const reading = await withinTime(clock, timing.failoverMs, read, state.signal);
    if (reading !== undefined && digestOf(reading) !== known && capability !== undefined)
      changed.add(capability);
  }
  if (state.closed !== undefined) return;
  for (const name of changed)
    state.log.append(0, `{"jsonrpc":"2.0","method":"notifications/${name}/list_changed"}`);
}
