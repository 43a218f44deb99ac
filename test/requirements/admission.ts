/** What the gateway's admission guarantees: bulkheads, quotas, rate limits and deadlines. */
import type { Requirement } from './requirement.ts';

export const admission = {
  'admission.rate-cluster-wide': {
    sentence:
      'Pods together admit a rate limit within 10 %, whichever of them the requests hit and however that changes.',
    source: 'issue 5: rate limits',
  },
  'admission.rate-returned': {
    sentence: 'The share of a pod that died is used by the others within two seconds.',
    source: 'issue 5: rate limits',
  },
  'admission.rate-partition': {
    sentence:
      'A pod that is cut off never admits more than its last share, and nobody else takes that share before the pod is known to be gone.',
    source: 'issue 5: rate limits',
  },
  'admission.rate-three-gateways': {
    sentence:
      'Three gateways hold one rate limit, sprayed at random and when one of them has most.',
    source: 'issue 5: rate limits',
  },
  'admission.rate-dead-gateway': {
    sentence: 'Two gateways use the whole rate limit after the third has died.',
    source: 'issue 5: rate limits',
  },
  'admission.bulkhead-isolates': {
    sentence: 'While calls of one tool fill its compartment, other requests are served.',
    source: 'issue 5: bulkheads',
  },
  'admission.bulkhead-queue': {
    sentence: 'Who waits for a place enters in turn, and who leaves while waiting frees its own.',
    source: 'issue 5: bulkheads',
  },
  'admission.places-conserved': {
    sentence: 'No place is lost or given twice, and nobody waits before an empty one.',
    source: 'issue 5: bulkheads',
  },
  'admission.compartments-bounded': {
    sentence: 'A bulkhead keeps a bounded number of compartments, and drops those nobody uses.',
    source: 'design: limits have names',
  },
  'admission.adaptive-limit': {
    sentence: 'An adaptive limit grows while calls are fast, and shrinks when they slow down.',
    source: 'Netflix concurrency-limits: Gradient2',
  },
  'admission.usage-hysteresis': {
    sentence:
      'Admission stops above a quota of processor or memory, and goes on only clearly below.',
    source: 'issue 5: bulkheads',
  },
  'admission.usage-measured': {
    sentence:
      'What the MCP server uses is measured of its container, or of its process with all its children.',
    source: 'issue 5: bulkheads; Linux: cgroup v2, proc(5)',
  },
  'admission.usage-stops': {
    sentence: 'A server above its quota gets no more of the requests that the quota is about.',
    source: 'issue 5: bulkheads',
  },
  'admission.modern': {
    sentence: 'Bulkheads and rate limits hold for stateless requests as for those with sessions.',
    source: 'issue 5: bulkheads, rate limits',
  },
  'admission.modern-deadline': {
    sentence:
      'A stateless request that takes too long is closed at the server, over the hop, too; a subscription never does.',
    source: 'issue 5: deadlines; facts/mcp §0 rule 8',
  },
  'admission.hanging-tool': {
    sentence:
      'A tool that hangs for a hundred callers keeps a server with a pool of workers from nobody else.',
    source: 'issue 5: bulkheads, isolation',
  },
  'admission.cancel-frees': {
    sentence:
      'What a client cancels, through whichever pod, frees its place, though the server never answers it.',
    source: 'specification 2025-11-25, cancellation; issue 5: bulkheads',
  },
  'admission.problems': {
    sentence: 'Policies that are well-formed and cannot work are told, each with its field.',
    source: 'issue 5: bad input',
  },
  'admission.stream-holds-place': {
    sentence:
      'An answer holds its place until its end, even if its reader left: in the era of sessions the server works on.',
    source: 'issue 5: bulkheads',
  },
  'admission.never-blocked': {
    sentence: 'Streams of GET, notifications, responses and DELETE are never held back.',
    source: 'issue 5: bulkheads; facts/mcp §1',
  },
  'admission.bytes-held-back': {
    sentence: 'Answers over a quota of bytes per second are held back, not cut.',
    source: 'issue 5: bulkheads',
  },
  'admission.deadline': {
    sentence:
      'A request that takes longer than it may is cancelled at the server, whichever pod it is, and answered with an error.',
    source: 'issue 5: deadlines; specification 2025-11-25, lifecycle: timeouts',
  },
} as const satisfies Record<string, Requirement>;
