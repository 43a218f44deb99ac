/** `Mcp-Param-*`: arguments of a tool that its schema wants repeated in headers (`x-mcp-header`). */
import { MCP_ERRORS, mcpError, type McpError } from './errors.ts';
import { decodeHeaderValue, headerEquals } from './header-value.ts';
import { isJsonObject, type JsonObject } from './json-rpc.ts';
import type { RequestHeaders } from './modern-request.ts';

/** One argument that is repeated in `header` (lower case, with its prefix). */
export interface ParamHeader {
  readonly path: readonly string[];
  readonly header: string;
}

const PREFIX = 'mcp-param-';
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TYPES: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean']);
/** Properties within properties that are looked at. */
const DEPTH_MAX = 16;

/** The declarations in a tool's `inputSchema`; those which the specification does not allow count for nothing. */
export function paramHeadersOf(inputSchema: unknown): readonly ParamHeader[] {
  const found = new Map<string, ParamHeader>();
  const visit = (schema: unknown, path: readonly string[]): void => {
    if (!isJsonObject(schema) || path.length > DEPTH_MAX) return;
    const name = schema['x-mcp-header'];
    if (
      typeof name === 'string' &&
      TOKEN.test(name) &&
      path.length > 0 &&
      TYPES.has(schema['type'])
    )
      found.set(name.toLowerCase(), { path, header: `${PREFIX}${name.toLowerCase()}` });
    const { properties } = schema;
    if (!isJsonObject(properties)) return;
    for (const [key, child] of Object.entries(properties)) visit(child, [...path, key]);
  };
  visit(inputSchema, []);
  return [...found.values()];
}

/** What is wrong with the headers of a call, or undefined. Arguments that are absent, null or no primitive need no header. */
export function checkParamHeaders(
  declared: readonly ParamHeader[],
  args: JsonObject | undefined,
  headers: RequestHeaders,
): McpError | undefined {
  for (const { path, header } of declared) {
    const value = valueAt(args, path);
    if (value === null || value === undefined || typeof value === 'object') continue;
    const sent = headers[header];
    const text = Array.isArray(sent) ? sent.join(', ') : sent;
    if (text === undefined) return mismatch(`${header} is missing`);
    const decoded = decodeHeaderValue(text);
    if (decoded === undefined) return mismatch(`${header} is not valid base64 of UTF-8`);
    if (!headerEquals(decoded, value)) return mismatch(`${header} differs from the argument`);
  }
  return undefined;
}

const mismatch = (detail: string): McpError => mcpError(MCP_ERRORS.headerMismatch, detail);

function valueAt(root: unknown, path: readonly string[]): unknown {
  let node = root;
  for (const key of path) {
    if (!isJsonObject(node) || !Object.hasOwn(node, key)) return undefined;
    node = node[key];
  }
  return node;
}
