/** JSON-RPC 2.0 as MCP uses it: the message union and a strict parser with limits; it never throws. */
import { err, ok, type Result } from '../std/index.ts';
import { MCP_ERRORS, type McpError, mcpError } from './errors.ts';

export type RequestId = string | number;
export type JsonObject = { readonly [field: string]: unknown };

export interface JsonRpcRequest {
  readonly jsonrpc: '2.0';
  readonly id: RequestId;
  readonly method: string;
  readonly params?: JsonObject;
}
export interface JsonRpcNotification {
  readonly jsonrpc: '2.0';
  readonly method: string;
  readonly params?: JsonObject;
}
export interface JsonRpcErrorBody {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}
export interface JsonRpcResultResponse {
  readonly jsonrpc: '2.0';
  readonly id: RequestId;
  readonly result: JsonObject;
}
export interface JsonRpcErrorResponse {
  readonly jsonrpc: '2.0';
  readonly id: RequestId | null;
  readonly error: JsonRpcErrorBody;
}
export type JsonRpcResponse = JsonRpcResultResponse | JsonRpcErrorResponse;
export type JsonRpcMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResponse;

/** A message with its kind decided once, so that nobody has to look for fields again. */
export type ClassifiedMessage =
  | { readonly kind: 'request'; readonly message: JsonRpcRequest }
  | { readonly kind: 'notification'; readonly message: JsonRpcNotification }
  | { readonly kind: 'response'; readonly message: JsonRpcResponse };

/** One HTTP body: a single message, or a batch (protocol 2025-03-26 only). */
export interface ParsedBody {
  readonly batch: boolean;
  /** At least one. */
  readonly messages: readonly ClassifiedMessage[];
}

export interface JsonRpcLimits {
  /** Messages in one batch. */
  readonly batchMax: number;
  /** Characters of a method's name and of a textual request id. */
  readonly nameLengthMax: number;
}

/** The official SDK refuses batches over 100; names longer than this are nobody's. */
const DEFAULT_JSON_RPC_LIMITS: JsonRpcLimits = { batchMax: 100, nameLengthMax: 1024 };

/** Parses an HTTP body. Fails with -32700 for what is not JSON, -32600 for what is not JSON-RPC or over a limit. */
export function parseBody(
  text: string,
  limits: JsonRpcLimits = DEFAULT_JSON_RPC_LIMITS,
): Result<ParsedBody, McpError> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return err(mcpError(MCP_ERRORS.parse));
  }
  if (!Array.isArray(value)) {
    const message = classifyMessage(value, limits);
    return message.ok ? ok({ batch: false, messages: [message.value] }) : message;
  }
  if (value.length === 0) return invalid('an empty batch');
  if (value.length > limits.batchMax) return invalid(`a batch of more than ${limits.batchMax}`);
  const messages: ClassifiedMessage[] = [];
  for (const item of value) {
    const message = classifyMessage(item, limits);
    if (!message.ok) return message;
    messages.push(message.value);
  }
  return ok({ batch: true, messages });
}

/** Checks one decoded JSON value and says which kind of message it is. */
export function classifyMessage(
  value: unknown,
  limits: JsonRpcLimits = DEFAULT_JSON_RPC_LIMITS,
): Result<ClassifiedMessage, McpError> {
  if (!isJsonObject(value)) return invalid('not an object');
  if (value['jsonrpc'] !== '2.0') return invalid('jsonrpc is not "2.0"');
  return 'method' in value ? classifyCall(value, limits) : classifyResponse(value, limits);
}

/** The messages of a POST's answer or of one SSE event; undefined for what is not JSON-RPC. */
export function readMessages(data: string): readonly ClassifiedMessage[] | undefined {
  const parsed = parseBody(data);
  return parsed.ok ? parsed.value.messages : undefined;
}

/** True for a plain JSON object (not null, not an array). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True for a response that carries a result. */
export function isResult(response: JsonRpcResponse): response is JsonRpcResultResponse {
  return 'result' in response;
}

/** An error response ready to be serialized; `id` null when the request's id could not be read. */
export function errorResponse(id: RequestId | null, error: JsonRpcErrorBody): JsonRpcErrorResponse {
  return { jsonrpc: '2.0', id, error };
}

function classifyCall(
  value: JsonObject,
  limits: JsonRpcLimits,
): Result<ClassifiedMessage, McpError> {
  const { method, params } = value;
  if (typeof method !== 'string' || method === '' || method.length > limits.nameLengthMax)
    return invalid('method is not a name');
  if (params !== undefined && !isJsonObject(params)) return invalid('params is not an object');
  if ('result' in value || 'error' in value) return invalid('both a call and a response');
  if (!('id' in value))
    return ok({ kind: 'notification', message: value as unknown as JsonRpcNotification });
  if (!isRequestId(value['id'], limits)) return invalid('id is neither text nor an integer');
  return ok({ kind: 'request', message: value as unknown as JsonRpcRequest });
}

function classifyResponse(
  value: JsonObject,
  limits: JsonRpcLimits,
): Result<ClassifiedMessage, McpError> {
  const { id, result, error } = value;
  const hasResult = result !== undefined;
  if (hasResult === (error !== undefined)) return invalid('neither a call nor a response');
  if (hasResult) {
    if (!isJsonObject(result)) return invalid('result is not an object');
    if (!isRequestId(id, limits)) return invalid('id is neither text nor an integer');
  } else {
    if (!isJsonObject(error) || typeof error['message'] !== 'string')
      return invalid('error has no message');
    if (!Number.isInteger(error['code'])) return invalid('error has no integer code');
    if (id !== undefined && id !== null && !isRequestId(id, limits))
      return invalid('id is neither text nor an integer');
  }
  return ok({ kind: 'response', message: value as unknown as JsonRpcResponse });
}

function isRequestId(value: unknown, limits: JsonRpcLimits): value is RequestId {
  if (typeof value === 'string') return value.length <= limits.nameLengthMax;
  return Number.isSafeInteger(value);
}

function invalid(why: string): Result<never, McpError> {
  return err(mcpError(MCP_ERRORS.invalidRequest, why));
}
