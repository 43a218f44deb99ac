/** What `mcp`, `sessions` and `gateway` guarantee. */
import type { Requirement } from './requirement.ts';

export const gateway = {
  'mcp.sse': {
    sentence: 'SSE written by us and cut anywhere reads back as the same events.',
    source: 'WHATWG HTML §9.2',
  },
  'mcp.parser': {
    sentence:
      'No text makes the JSON-RPC parser throw: it is a message, or an error with its code.',
    source: 'JSON-RPC 2.0',
  },
  'sessions.one-claimant': {
    sentence: 'Of several pods that claim a session at one epoch exactly one wins.',
    source: 'ARCHITECTURE §4: session record',
  },
  'sessions.event-id': {
    sentence: 'An event id says which epoch, stream, event and requests it belongs to, to any pod.',
    source: 'specification 2025-11-25, transports: resumability',
  },
  'sessions.copies': {
    sentence:
      'A copy of a session’s events has what its owner keeps, however it was cut or repeated.',
    source: 'specification 2025-11-25, transports: resumability',
  },
  'sessions.no-shrink': {
    sentence: 'A session is not moved to a server of another version or with fewer capabilities.',
    source: 'facts/mcp §4',
  },
  'gateway.any-pod': {
    sentence: 'Any pod accepts any request of any session; the session stays with its owner.',
    source: 'ARCHITECTURE: the promise',
  },
  'gateway.pod-loss': {
    sentence: 'A session goes on under the same id after the pod that owned it died.',
    source: 'ARCHITECTURE: the promise; facts/mcp §4',
  },
  'gateway.backend-loss': {
    sentence: 'A session goes on under the same id after the MCP server behind it died.',
    source: 'facts/mcp §0 rules 4 and 5',
  },
  'gateway.event-ids': {
    sentence:
      'Every SSE stream carries ids of the gateway from its first byte, and tells when to retry.',
    source: 'facts/mcp §0 rule 6',
  },
  'gateway.resume-anywhere': {
    sentence: 'A stream that dropped is resumed after its last event at any pod.',
    source: 'specification 2025-11-25, transports: resumability',
  },
  'gateway.resume-after-death': {
    sentence:
      'What a dead pod had sent, an answer that nobody had read too, reaches the resuming client once, at any pod.',
    source: 'issue: events kept by the owner and `sessions.resume.replicas` more pods',
  },
  'gateway.list-changed': {
    sentence:
      'After a move to a server with other lists the client is told, if that was promised, and only then.',
    source: 'facts/mcp §4',
  },
  'gateway.cordon': {
    sentence:
      'A pod that shall take no sessions gives its sessions away, forwards, and takes sessions again when it may',
    source: 'issue 6: fenced members',
  },
  'gateway.hand-over': {
    sentence:
      'A pod that leaves gives its sessions to others, one by one, before its server stops, and cuts nothing that runs.',
    source: 'issue: drain',
  },
  'gateway.rolling-restart': {
    sentence: 'A rolling restart of all pods under load: no request fails.',
    source: 'issue: drain',
  },
  'gateway.run-again': {
    sentence:
      'A call that does no harm is run again for the resuming client when front and owner died with it.',
    source: 'issue: calls lost only if not idempotent and in flight',
  },
  'gateway.server-requests': {
    sentence:
      'What a server asks its client is answered through any pod, with ids that stay apart over any number of moves.',
    source: 'facts/mcp §4; specification 2025-11-25, client features',
  },
  'gateway.tasks': {
    sentence:
      'A task is asked about where it runs while that pod lives, and is unknown (-32602) afterwards.',
    source: 'facts/mcp §4; specification 2025-11-25, tasks',
  },
  'gateway.delete': {
    sentence:
      'DELETE ends a session at every pod and at its server, however slow or dead that server is.',
    source: 'specification 2025-11-25, transports: session management',
  },
  'gateway.batch': {
    sentence: 'Batches are answered in 2025-03-26, whose they are, and refused in later revisions.',
    source: 'specification 2025-03-26, transports',
  },
  'gateway.lost-request': {
    sentence:
      'A request that was lost and must not be repeated is answered with an error that says so.',
    source: 'facts/mcp §0 rule 9',
  },
  'gateway.lost-at-once': {
    sentence:
      'The error for a lost request comes before its session has moved, and while the cluster has no leader, too.',
    source: 'issue 5: each with a proper error within 1 s',
  },
  'gateway.tools-of-others': {
    sentence:
      'Whether a call may be repeated is known from any session of the same principal that listed the tools.',
    source: 'issue 5: calls lost only if not idempotent',
  },
  'gateway.urgent-moves': {
    sentence:
      'Of the sessions of a dead pod those whose client waits for an answer move first, and few at a time.',
    source: 'issue 5: 200 sessions, one pod killed every 10 s',
  },
  'gateway.replay': {
    sentence:
      'After a move the new backend knows initialize, initialized, log level and subscriptions.',
    source: 'facts/mcp §4',
  },
  'gateway.refuse-move': {
    sentence:
      'A session ends with 404 when the only servers left have lost a capability it was promised.',
    source: 'facts/mcp §4',
  },
  'gateway.lease': {
    sentence:
      'A pod whose lease may be over answers for no session, and an unsure death is waited for.',
    source: 'ARCHITECTURE §4: ownership rests on leases',
  },
  'gateway.no-repeat': {
    sentence:
      'A request that may have reached a server is not sent again unless that does no harm.',
    source: 'facts/mcp §0 rule 9',
  },
  'gateway.peers': {
    sentence:
      'Only a gateway with a certificate of the same cluster may ask another for a session.',
    source: 'ARCHITECTURE §4: identity',
  },
  'gateway.backpressure': {
    sentence:
      'A long answer passes through at the pace of its reader, by whichever pod, without being held.',
    source: 'issue: backpressure end to end; the named limits of config.ts',
  },
  'gateway.stalled-client': {
    sentence: 'A client that stops reading costs a bounded amount, and is cut off after a while.',
    source: 'issue: backpressure end to end; config.ts stalledMs',
  },
  'gateway.http-refused': {
    sentence:
      'HTTP that is malformed, ambiguous, too long or too slow gets its status, and its connection ends.',
    source: 'RFC 9112 §2.2, §3.2, §5.2, §6.3, §7.1; RFC 6585 §5; issue: fuzz',
  },
  'gateway.http-connection': {
    sentence:
      'Pipelined requests are answered in order, and no byte of a refused body becomes a request.',
    source: 'RFC 9112 §9.3',
  },
  'gateway.no-injection': {
    sentence: 'No id, header or text of a client or server becomes a line of a stream or a header.',
    source: 'WHATWG HTML §9.2; issue: SSE injection',
  },
  'gateway.random-messages': {
    sentence:
      'Random messages get an answer of the catalogue, leave nothing behind and show no other session.',
    source: 'issue: 10^5 random JSON-RPC messages',
  },
  'gateway.peer-garbage': {
    sentence: 'Whatever an authenticated peer sends, a gateway answers or cuts it and goes on.',
    source: 'issue: fuzz; ARCHITECTURE §4: identity',
  },
  'gateway.bad-input': {
    sentence: 'Wrong requests get the status and JSON-RPC code of the specification, never a 500.',
    source: 'specification 2025-11-25, transports',
  },
  'gateway.tool-names': {
    sentence:
      'A server is asked for the names of its tools when a policy names one, whatever its era, and only then.',
    source: 'issue 5: unknown tool in a bulkhead',
  },
  'gateway.event-limit': {
    sentence:
      'A request whose answer is longer than the gateway takes is answered at once with an error of its own, counted, and not sent again.',
    source: 'style: limits have names',
  },
  'gateway.uncopied-told': {
    sentence:
      'An event that is too long to be copied to another pod reaches its client and is counted.',
    source: 'style: limits have names',
  },
} as const satisfies Record<string, Requirement>;
