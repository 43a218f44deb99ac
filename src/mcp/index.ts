/**
 * Band 1: the Model Context Protocol as values. Messages and their strict parser, the method table, eras, header rules, SSE
 * framing and the error catalogue. Pure: no sockets, no clock, nothing that can fail other than by returning a Result.
 */
export {
  BATCH_VERSION,
  decideEra,
  isKnownModernVersion,
  isLegacyVersion,
  isModernVersion,
  LEGACY_VERSIONS,
  metaOf,
  MODERN_VERSIONS,
  VERSION_CLAIM,
  type Era,
} from './eras.ts';
export {
  errorBody,
  errorText,
  errorTexts,
  MCP_ERRORS,
  mcpError,
  type McpError,
  type McpErrorKind,
} from './errors.ts';
export {
  accepts,
  endToEndHeaders,
  EVENT_STREAM_HEADERS,
  EVENT_STREAM_TYPE,
  HEADER,
  JSON_TYPE,
  mediaType,
} from './headers.ts';
export { decodeHeaderValue } from './header-value.ts';
export {
  classifyMessage,
  errorResponse,
  isJsonObject,
  isResult,
  parseBody,
  readMessages,
  type ClassifiedMessage,
  type JsonObject,
  type JsonRpcErrorBody,
  type JsonRpcErrorResponse,
  type JsonRpcLimits,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type JsonRpcResultResponse,
  type ParsedBody,
  type RequestId,
} from './json-rpc.ts';
export { readLossless } from './lossless-json.ts';
export { isRemovedMethod, methodLabel, methodTraits, type MethodTraits } from './methods.ts';
export { checkModernMessage, clientCapabilitiesOf } from './modern-request.ts';
export { checkParamHeaders, paramHeadersOf, type ParamHeader } from './param-headers.ts';
export {
  createSseParser,
  serializeSse,
  serializeSseComment,
  SseLimitError,
  type SseEvent,
  type SseFrame,
  type SseItem,
  type SseParser,
} from './sse.ts';
