/** What balancing and health of the gateway guarantee. */
import type { Requirement } from './requirement.ts';

export const balancing = {
  'balancing.only-ready': {
    sentence:
      'every strategy picks only pods that are ready and not to be avoided, and one whenever there is one',
    source: 'design',
  },
  'balancing.repeatable': {
    sentence: 'the same pods, requests and seed give the same picks',
    source: 'design',
  },
  'balancing.weights': {
    sentence: 'pods get work in proportion to their weights, without bursts to any of them',
    source: 'nginx, smooth weighted round robin',
  },
  'balancing.least-connections': {
    sentence:
      'LeastConnections keeps the fullest pod within a few requests of the average, whatever the number of pods',
    source: 'Mitzenmacher, the power of two choices',
  },
  'balancing.hash-minimal': {
    sentence: 'when a pod comes or goes, only keys that go to it or came from it change their pod',
    source: 'Karger et al., consistent hashing',
  },
  'balancing.hash-bounded': {
    sentence: 'no pod gets more than loadFactor times its share of the keys',
    source: 'Mirrokni, Thorup, Zadimoghaddam: consistent hashing with bounded loads',
  },
  'balancing.response-time': {
    sentence: 'ResponseTime turns away from a pod at its first slow answer, and comes back slowly',
    source: 'Finagle, peak EWMA',
  },
  'balancing.resources': {
    sentence: 'HealthBased and ResourceBased give a pod the less the worse it does',
    source: 'issue 5',
  },
  'balancing.capabilities': {
    sentence:
      'a tool that needs labels goes only to pods that have them, and is refused with an error of its own when none has',
    source: 'issue 5',
  },
  'balancing.capability-move': {
    sentence:
      'a session whose pod lacks what a called tool needs moves, when its running requests are done, to a pod that has it',
    source: 'issue 5: balancers; ARCHITECTURE: sessions outlive pods',
  },
  'balancing.slow-start': {
    sentence: 'a pod that becomes ready gets its share by and by',
    source: 'Envoy, slow start mode',
  },
  'balancing.new-sessions': {
    sentence: 'a new session never goes to a pod that drains, is fenced, or still catches up',
    source: 'issue 5',
  },
  'health.probes': {
    sentence:
      'a server counts as down after so many failed probes in a row, or one refused connection, and no probe uses a session',
    source: 'facts/mcp §6, MikkoParkkola#248',
  },
  'health.outliers': {
    sentence:
      "pods are ejected by Envoy's rules, longer each time, never more than the limit, and come back",
    source: 'Envoy, outlier detection',
  },
  'health.panic': {
    sentence: 'when too few pods would be left, ejections are ignored',
    source: 'Envoy, panic threshold',
  },
  'health.ejection-shown': {
    sentence: 'an ejection is told by status, metrics and events, and ends sessions nowhere',
    source: 'issue 5',
  },
  'breaker.windows': {
    sentence:
      'a circuit breaker opens by failures in a row, by the share of the last calls, or of the last time',
    source: 'issue 5',
  },
  'breaker.half-open': {
    sentence:
      'an open breaker lets through only what may be repeated, and closes after read-only probes',
    source: 'facts/mcp §6: IBM#301',
  },
  'breaker.answer': {
    sentence:
      'while a breaker is open, a call gets the fallback of the resource, or an error that says when to come back',
    source: 'issue 5',
  },
  'health.hedging': {
    sentence:
      'if asked for, a read-only request without an answer goes to a second pod, and the loser is cancelled',
    source: 'Dean, Barroso: The Tail at Scale',
  },
  'retry.budget': {
    sentence:
      'retries under way never exceed their share of the requests under way, or the minimum',
    source: 'Envoy, retry budgets',
  },
} as const satisfies Record<string, Requirement>;
