/** May a request whose answer was lost be sent again? */
import { methodTraits, type ParsedBody } from '../mcp/index.ts';

/**
 * True when repeating every message of `body` does no harm: idempotent methods, and tools that declared themselves
 * read-only or idempotent in the session's last `tools/list`. Notifications and answers are: they are only repeated when
 * the backend is a new one, which has not seen them.
 */
export function isRepeatable(body: ParsedBody, repeatableTools: readonly string[]): boolean {
  return body.messages.every((item) => {
    if (item.kind !== 'request') return true;
    const { method, params } = item.message;
    if (method !== 'tools/call') return methodTraits(method).idempotent;
    const name = params?.['name'];
    return typeof name === 'string' && repeatableTools.includes(name);
  });
}
