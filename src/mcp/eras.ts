/** Protocol revisions and which era a message belongs to: sessions (2025) or stateless (from 2026-07-28). */
import type { ClassifiedMessage, JsonObject } from './json-rpc.ts';
import { isJsonObject } from './json-rpc.ts';

/** Revisions with sessions, newest first. */
export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26'] as const;
/** The only revision whose bodies may be batches. */
export const BATCH_VERSION = '2025-03-26';
/** The first stateless revision. */
const FIRST_MODERN_VERSION = '2026-07-28';

export type Era = 'legacy' | 'modern';

const VERSION_CLAIM = 'io.modelcontextprotocol/protocolVersion';

/** The protocol version a modern message claims in `params._meta`, or undefined: then it is a legacy one. */
function claimedVersion(message: ClassifiedMessage): string | undefined {
  const params: JsonObject | undefined =
    message.kind === 'response' ? undefined : message.message.params;
  const meta = params?.['_meta'];
  const claim = isJsonObject(meta) ? meta[VERSION_CLAIM] : undefined;
  return typeof claim === 'string' ? claim : undefined;
}

/**
 * The era of one HTTP request, decided body first: a claim in the body, or a header that names a modern revision on
 * something that is not `initialize`, is modern; everything else is legacy.
 */
export function eraOf(
  messages: readonly ClassifiedMessage[],
  versionHeader: string | undefined,
): { readonly era: Era; readonly requested?: string } {
  for (const message of messages) {
    const claim = claimedVersion(message);
    if (claim !== undefined) return { era: 'modern', requested: claim };
  }
  if (versionHeader !== undefined && isModernVersion(versionHeader))
    return { era: 'modern', requested: versionHeader };
  return { era: 'legacy' };
}

/** True for a dated revision from {@link FIRST_MODERN_VERSION} on. */
function isModernVersion(version: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(version) && version >= FIRST_MODERN_VERSION;
}

/** True for a revision with sessions that we know. */
export function isLegacyVersion(version: string): boolean {
  return (LEGACY_VERSIONS as readonly string[]).includes(version);
}
