/** What `gossip` guarantees. */
import type { Requirement } from './requirement.ts';

export const gossip = {
  'gossip.no-false-death': {
    sentence: 'On a network that loses nothing no live member is ever suspected.',
    source: 'SWIM §3; facts/gossip §2',
  },
  'gossip.detects-refused': {
    sentence: 'A reported refusal that others confirm is death within one round trip of probes.',
    source: 'design: a refused connection proves that no process listens',
  },
  'gossip.detects-silent': {
    sentence:
      'With the default configuration every live member knows of a silent death in about a second.',
    source: 'facts/gossip §3',
  },
  'gossip.notices-restart': {
    sentence:
      'A member that restarts within the detection time is reported as restarted, with a higher incarnation.',
    source: 'design: meta.instance is random per process',
  },
  'gossip.incarnations': {
    sentence:
      'alive needs a higher incarnation to win; suspect, dead and left win at the same, in that order.',
    source: 'SWIM; facts/gossip §2',
  },
  'gossip.grpc': {
    sentence:
      'Members over mutual TLS find each other, and notice load, death, restart and goodbye.',
    source: 'ARCHITECTURE §2: gossip on the cluster port',
  },
  'gossip.heals': {
    sentence: 'After a partition heals all live members hold equal views again.',
    source: 'facts/gossip §3: push-pull is needed for correctness',
  },
} as const satisfies Record<string, Requirement>;
