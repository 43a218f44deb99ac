/** What the stateless era (2026-07-28) is promised. */
import type { Requirement } from './requirement.ts';

export const modern = {
  'modern.era': {
    sentence:
      'The era of a request is decided by its body first; a header alone makes no stateless request, and no mixture passes.',
    source: 'specification 2026-07-28, versioning; facts/mcp §3',
  },
  'modern.headers': {
    sentence:
      'Headers that repeat the body (version, method, name, declared arguments) must say the same, or the request is refused.',
    source: 'specification 2026-07-28, transports: standard request headers; facts/mcp §2',
  },
  'sessions.one-place': {
    sentence: 'Of several pods that place a task or a state handle, all take the same one for it.',
    source: 'facts/mcp §4, modern: taskId and state handle to pod',
  },
} as const satisfies Record<string, Requirement>;
