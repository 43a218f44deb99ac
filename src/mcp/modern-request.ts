/** The rules of 2026-07-28 for one request that claims it: its `_meta`, and headers that repeat what the body says. */
import { isKnownModernVersion, metaOf, VERSION_CLAIM } from './eras.ts';
import { MCP_ERRORS, mcpError, type McpError } from './errors.ts';
import { decodeHeaderValue } from './header-value.ts';
import { HEADER } from './headers.ts';
import { isJsonObject, type ClassifiedMessage, type JsonObject } from './json-rpc.ts';

/** One value per name, lower case. */
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>;

const CLIENT_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

/** Which parameter `Mcp-Name` repeats. */
const NAME_SOURCE: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

/** What `Mcp-Name` has to repeat for this call: undefined when the method has no such parameter, or it is not text. */
export function mcpNameOf(method: string, params: JsonObject | undefined): string | undefined {
  const field = Object.hasOwn(NAME_SOURCE, method) ? NAME_SOURCE[method] : undefined;
  const value = field === undefined ? undefined : params?.[field];
  return typeof value === 'string' ? value : undefined;
}

/** What the client declared in this request; {} when nothing. */
export function clientCapabilitiesOf(message: ClassifiedMessage): JsonObject {
  const declared = metaOf(message)?.[CLIENT_CAPABILITIES];
  return isJsonObject(declared) ? declared : {};
}

/**
 * What is wrong with a stateless message, in the order in which the official server looks, or undefined. A notification need
 * not repeat anything in headers, but may not contradict itself.
 */
export function checkModernMessage(
  message: ClassifiedMessage,
  headers: RequestHeaders,
): McpError | undefined {
  if (message.kind === 'response') return undefined;
  const { method, params } = message.message;
  const meta = metaOf(message);
  const isRequest = message.kind === 'request';
  if (isRequest && !isJsonObject(meta?.[CLIENT_CAPABILITIES]))
    return mcpError(MCP_ERRORS.invalidEnvelope, `${CLIENT_CAPABILITIES} is not an object`);
  const version = one(headers, HEADER.protocolVersion);
  const claim = meta?.[VERSION_CLAIM];
  if (version !== undefined && claim !== undefined && version !== claim)
    return mismatch(`MCP-Protocol-Version is ${version}, the body says ${String(claim)}`);
  const named = one(headers, HEADER.mcpMethod);
  if (named !== undefined && named !== method)
    return mismatch(`Mcp-Method is ${named}, the body says ${method}`);
  // What another revision wants in its headers, only the server knows, if anybody does.
  if (!isRequest || !isKnownModernVersion(String(claim))) return undefined;
  if (version === undefined) return mismatch('MCP-Protocol-Version is missing');
  if (named === undefined) return mismatch('Mcp-Method is missing');
  return checkName(mcpNameOf(method, params), one(headers, HEADER.mcpName));
}

function checkName(name: string | undefined, header: string | undefined): McpError | undefined {
  if (name === undefined) return undefined;
  if (header === undefined) return mismatch('Mcp-Name is missing');
  const decoded = decodeHeaderValue(header);
  if (decoded === undefined) return mismatch('Mcp-Name is not valid base64 of UTF-8');
  return decoded === name ? undefined : mismatch(`Mcp-Name is ${decoded}, the body says ${name}`);
}

const mismatch = (detail: string): McpError => mcpError(MCP_ERRORS.headerMismatch, detail);

/** The value without the white space around it that HTTP allows. Of a header that came twice the joined value is one that fits nothing. */
function one(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name];
  return (Array.isArray(value) ? value.join(', ') : value)?.trim();
}
