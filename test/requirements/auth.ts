/** What the gateway guarantees about callers: who they are, what they may call, and what web pages may do. */
import type { Requirement } from './requirement.ts';

export const auth = {
  'auth.challenge': {
    sentence:
      'Without a good token the answer is 401 with a challenge that leads to the metadata, and the MCP server hears nothing.',
    source: 'MCP authorization 2026-07-28, error handling; RFC 9728 §5.1; RFC 6750 §3',
  },
  'auth.metadata': {
    sentence:
      'The metadata of the protected resource is at the well-known path, with and without that of the endpoint, for everybody.',
    source: 'RFC 9728 §3; MCP authorization 2025-11-25, discovery requirements',
  },
  'auth.token-file': {
    sentence:
      'A changed token file is in force without a restart, however it was replaced; one with a mistake changes nothing.',
    source: 'issue 5: bearer tokens',
  },
  'auth.jwt': {
    sentence:
      'A JSON web token counts only if signature, algorithm, issuer, audience, time and subject are right.',
    source: 'RFC 8725; RFC 9068 §4; MCP authorization: token audience binding',
  },
  'auth.jwks': {
    sentence:
      'New keys of an issuer are found by themselves, made-up key ids do not flood it, and its outage is survived for a bounded time.',
    source: 'issue 5: JWT by JWKS',
  },
  'auth.token-review': {
    sentence:
      "A token of Kubernetes counts only if the API server says whose it is and that it is for one of the cluster's audiences.",
    source: 'Kubernetes API: TokenReviewStatus.audiences',
  },
  'auth.token-review-load': {
    sentence:
      'The API server is asked once for a token at a time, seldom again, and by a bounded number of callers at once.',
    source: 'style: limits have names',
  },
  'auth.order': {
    sentence:
      'The first provider that knows a token decides; one that cannot be asked makes an unknown token 503, not 401.',
    source: 'issue 5: bearer tokens',
  },
  'auth.session-bound': {
    sentence: 'To another principal a session does not exist, at any pod.',
    source: 'MCP security best practices: session hijacking; issue 5: tenancy and auth',
  },
  'auth.task-bound': {
    sentence: 'To another principal a task does not exist, at any pod.',
    source: 'MCP tasks extension: tasks are bound to who made them; issue 5: tenancy and auth',
  },
  'auth.forward': {
    sentence:
      'The MCP server of the resource sees the token, unless the resource says that it must not; nobody else does.',
    source: 'MCP authorization: token passthrough',
  },
  'auth.before-body': {
    sentence:
      'Who is not known is refused before the body is read, and nothing of it is taken for a request.',
    source: 'style: limits have names; RFC 9112 §6.3',
  },
  'auth.tools': {
    sentence:
      'A call of a tool that the rules deny is answered 403 with its id, alone or in a batch, and never reaches the server.',
    source: 'issue 5: authorization per tool; RFC 6750 §3.1',
  },
  'auth.tool-list': {
    sentence:
      'Nobody sees tools in a list that they may not call, whichever way the list travels; pages and cursors stay.',
    source: 'issue 5: authorization per tool',
  },
  'auth.one-reading': {
    sentence:
      'Where rules are in force, a body that other readers of JSON could read as another call is refused.',
    source: 'RFC 8259 §4: names that are not unique',
  },
  'auth.no-secrets': {
    sentence:
      'No log line of any gateway holds a token, and metrics have a bounded number of reasons.',
    source: 'OAuth 2.1 §7.1; rules of the house',
  },
  'auth.origin': {
    sentence:
      'A page that is not allowed gets 403, and so does a request for a host that is not; a doubled or malformed Host gets 400.',
    source: 'specification 2025-11-25, transports: security warning; RFC 9112 §3.2',
  },
  'auth.cors': {
    sentence:
      'An allowed page may send every header of both eras and read every answer, refusals too, and never with cookies.',
    source: 'Fetch standard: CORS protocol',
  },
} as const satisfies Record<string, Requirement>;
