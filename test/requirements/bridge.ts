/** What `bridge` guarantees. */
import type { Requirement } from './requirement.ts';

export const bridge = {
  'bridge.stdio-server-over-http': {
    sentence:
      'An unmodified stdio server is served over Streamable HTTP, a process for each session',
    source: 'MCP 2025-11-25, transports',
  },
  'bridge.asks-the-client': {
    sentence: 'What a stdio server asks its client reaches it, and the answer comes back',
    source: 'MCP 2025-11-25, transports',
  },
  'bridge.a-crash-is-a-lost-session': {
    sentence:
      'When a server process dies its session is unknown and its open requests are broken off, nobody else’s',
    source: 'design',
  },
  'bridge.session-outlives-its-process': {
    sentence: 'Behind gateways a session outlives the stdio process, the bridge and the pod it had',
    source: 'design',
  },
  'bridge.processes-are-limited': {
    sentence:
      'More processes than allowed are refused with a time to come again, silent ones are ended',
    source: 'design',
  },
  'bridge.ends-with-its-processes': {
    sentence: 'A bridge that stops leaves no process behind, not even one that ignores SIGTERM',
    source: 'MCP 2025-11-25, life cycle',
  },
  'bridge.shared-process': {
    sentence:
      'A shared process serves several sessions, each with its own ids, progress and subscriptions',
    source: 'design',
  },
  'bridge.bad-input': {
    sentence:
      'Requests that are no MCP, and servers that print no MCP, are told apart and harm nobody',
    source: 'design',
  },
} satisfies Record<string, Requirement>;
