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
  'sessions.owned-place': {
    sentence:
      'What has an owner keeps it for as long as it is known, also when its pod is replaced.',
    source: 'SEP-2567: servers bind handles to the authenticated principal',
  },
  'modern.any-pod': {
    sentence:
      'Any pod serves any stateless request, also the next round of one that asked for input.',
    source: 'facts/mcp §4, modern',
  },
  'modern.wire': {
    sentence: 'Stateless answers carry no session, no event ids and no `retry:`.',
    source: 'specification 2026-07-28, transports; facts/mcp §2',
  },
  'modern.refusals': {
    sentence:
      'Wrong stateless requests get the status and code of the specification; GET and DELETE are 405, removed methods 404.',
    source: 'specification 2026-07-28, transports; facts/mcp §2 and §3',
  },
  'modern.json-if-single': {
    sentence:
      'A stream of the server that holds nothing but the answer reaches the client as JSON.',
    source: 'facts/mcp §7: a cut stream makes the official client wait for its time-out',
  },
  'modern.cancel': {
    sentence: 'A client that leaves cancels its request at the MCP server at once, over any hop.',
    source: 'facts/mcp §0 rule 8',
  },
  'modern.repeat': {
    sentence:
      'A lost request that may be repeated is answered by another pod, under another upstream id, and the client sees its own.',
    source: 'facts/mcp §0 rule 9, §4 modern',
  },
  'modern.lost': {
    sentence:
      'A lost request that must not be repeated is answered within a second by an error that says so.',
    source: 'facts/mcp §0 rule 9',
  },
  'modern.stream-goes-on': {
    sentence:
      'A stream whose pod is lost goes on from another one without progress falling back, or ends with an error.',
    source: 'facts/mcp §4, modern; §7',
  },
  'modern.discover': {
    sentence:
      '`server/discover` waits for a server that restarts and is not answered 5xx meanwhile.',
    source: 'facts/mcp §0 rule 10',
  },
  'modern.kills': {
    sentence:
      'While servers and pods are killed, an official client loses what was in flight there at most, hears so at once, and no effect happens twice.',
    source: 'design',
  },
  'modern.listen-merged': {
    sentence: 'A change at any pod reaches a client that listens at any other.',
    source: 'facts/mcp §4, modern: fan-out',
  },
  'modern.listen-first': {
    sentence:
      'A subscription begins with one acknowledgement of what the pods honour, and every message names the id of the client.',
    source: 'specification 2026-07-28, subscriptions; facts/mcp §2',
  },
  'modern.listen-gap': {
    sentence:
      'Pods come and go without a listening client noticing; where nobody listened for a while, it hears that everything may have changed.',
    source: 'facts/mcp §4, modern: open listens',
  },
  'modern.listen-drain': {
    sentence: 'A pod that drains ends the subscriptions at it with their result.',
    source: 'specification 2026-07-28, subscriptions; facts/mcp §4',
  },
  'modern.fallback': {
    sentence:
      'A client of the stateless era before servers with sessions only is refused in a way that makes it use `initialize`.',
    source: 'specification 2026-07-28, versioning; facts/mcp §3',
  },
  'modern.own-refusal': {
    sentence:
      'A client with sessions before a stateless server gets the refusal of the server itself.',
    source: 'facts/mcp §3',
  },
  'modern.era-once': {
    sentence: 'A server is asked for its era once after each of its starts.',
    source: 'design',
  },
  'modern.tasks': {
    sentence:
      'A task is asked at the pod that holds it, through any pod, also after the pod died through which it was made.',
    source: 'specification, tasks extension: Mcp-Name; facts/mcp §4, modern',
  },
  'modern.handles': {
    sentence: 'Calls that name the same state handle go to the pod whose server made it.',
    source: 'SEP-2567; facts/mcp §2',
  },
  'modern.handle-bound': {
    sentence:
      "Who names another principal's state handle gets the server's answer to a name that it does not know, in both eras.",
    source: 'SEP-2567: servers bind handles to the authenticated principal',
  },
  'modern.lossless-repeat': {
    sentence: 'A repeated request keeps every digit of every number.',
    source: 'RFC 8259 §6: numbers beyond 2^53',
  },
  'modern.drain': {
    sentence: 'A pod that drains finishes what runs there, and new requests go to other pods.',
    source: 'design',
  },
} as const satisfies Record<string, Requirement>;
