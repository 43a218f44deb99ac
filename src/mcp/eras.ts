/** Protocol revisions, and which era an HTTP request belongs to: sessions (2025) or stateless (from 2026-07-28). */
import { MCP_ERRORS, mcpError, type McpError } from './errors.ts';
import {
  isJsonObject,
  type ClassifiedMessage,
  type JsonObject,
  type ParsedBody,
} from './json-rpc.ts';

/** Revisions with sessions, newest first. */
export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26'] as const;
/** The only revision whose bodies may be batches. */
export const BATCH_VERSION = '2025-03-26';
/** Stateless revisions, newest first. */
export const MODERN_VERSIONS = ['2026-07-28'] as const;
/** Later dates are stateless, too, even if we do not know them. */
const FIRST_MODERN_VERSION = '2026-07-28';

export type Era = 'legacy' | 'modern';

export type EraDecision =
  | { readonly type: 'legacy' }
  /** `version`: what the client asks for; it need not be one that anybody knows. */
  | { readonly type: 'modern'; readonly version: string }
  | { readonly type: 'refused'; readonly error: McpError };

/** Key of the version that a stateless message claims in `params._meta`. */
export const VERSION_CLAIM = 'io.modelcontextprotocol/protocolVersion';

const LEGACY: EraDecision = { type: 'legacy' };

/**
 * The era of one HTTP request, body first as the specification wants it: a claim in `_meta` is stateless, whatever the
 * header says; `initialize`, answers and whatever claims nothing has sessions; a header alone makes no stateless request.
 * `body` is undefined for GET and DELETE, where only the header is left to tell.
 */
export function decideEra(
  body: ParsedBody | undefined,
  versionHeader: string | undefined,
): EraDecision {
  const headerIsModern = versionHeader !== undefined && isModernVersion(versionHeader);
  const [first] = body?.messages ?? [];
  if (body === undefined || first === undefined)
    return headerIsModern ? { type: 'modern', version: versionHeader } : LEGACY;
  if (body.batch) return body.messages.some(hasClaim) ? refuse('batchNotModern') : LEGACY;
  if (first.kind === 'response') return LEGACY;
  const claim = claimOf(first);
  const initialize = first.kind === 'request' && first.message.method === 'initialize';
  if (initialize && (typeof claim !== 'string' || !isModernVersion(claim)))
    return headerIsModern ? refuse('initializeNotModern') : LEGACY;
  if (typeof claim === 'string') return { type: 'modern', version: claim };
  if (hasClaim(first)) return refuse('invalidEnvelope', `${VERSION_CLAIM} is not text`);
  if (!headerIsModern) return LEGACY;
  if (first.kind === 'request') return refuse('invalidEnvelope', `${VERSION_CLAIM} is missing`);
  return { type: 'modern', version: versionHeader };
}

const refuse = (kind: keyof typeof MCP_ERRORS, detail?: string): EraDecision => ({
  type: 'refused',
  error: mcpError(MCP_ERRORS[kind], detail),
});

/** `params._meta` of a call, or undefined. */
export function metaOf(message: ClassifiedMessage): JsonObject | undefined {
  const params = message.kind === 'response' ? undefined : message.message.params;
  const meta = params?.['_meta'];
  return isJsonObject(meta) ? meta : undefined;
}

const claimOf = (message: ClassifiedMessage): unknown => metaOf(message)?.[VERSION_CLAIM];

function hasClaim(message: ClassifiedMessage): boolean {
  return claimOf(message) !== undefined;
}

/** True for a dated revision from {@link FIRST_MODERN_VERSION} on. */
export function isModernVersion(version: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(version) && version >= FIRST_MODERN_VERSION;
}

/** True for a stateless revision that we know. */
export function isKnownModernVersion(version: string): boolean {
  return (MODERN_VERSIONS as readonly string[]).includes(version);
}

/** True for a revision with sessions that we know. */
export function isLegacyVersion(version: string): boolean {
  return (LEGACY_VERSIONS as readonly string[]).includes(version);
}
