/** The schemas of `spec.bulkheads` and `spec.gateway.rateLimits`: how much of what is admitted. */
import { duration, flag, integer, quantity, type Schema } from '../schema.ts';
import { MATCH, PER, POLICY_NAME } from './request-match.ts';

const count = (description: string, maximum: number) =>
  ({ type: 'integer', format: 'int64', description, minimum: 1, maximum }) as const;

const QUOTAS = {
  type: 'object',
  description:
    'What else holds requests back. With cpu or memory, the containers of a pod share one process namespace, so that the sidecar can measure the server; a server that was broken into can then read the private key of its pod.',
  properties: {
    bytesPerSecond: quantity(
      'Bytes of answers in a second, such as 10Mi: more are held back, not cut off.',
    ),
    cpu: quantity('Cores that the MCP server uses above which nothing more is admitted.'),
    memory: quantity('Bytes that the MCP server uses above which nothing more is admitted.'),
  },
  'x-kubernetes-validations': [
    {
      rule: 'has(self.bytesPerSecond) || has(self.cpu) || has(self.memory)',
      message: 'needs at least one of bytesPerSecond, cpu and memory',
    },
  ],
} as const satisfies Schema;

export const BULKHEADS = {
  type: 'array',
  description:
    'Compartments of each pod: what fills one leaves the others alone. A request that fits several must get a place in each. All numbers are for each pod and count what it takes from clients, whichever pod serves it: n pods let n times as many through, in the worst case to one server. rateLimits are for the whole cluster.',
  default: [],
  maxItems: 64,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  items: {
    type: 'object',
    required: ['name', 'maxConcurrent'],
    properties: {
      name: POLICY_NAME,
      match: MATCH,
      per: PER,
      maxConcurrent: count('Requests from clients of one pod that run at the same time.', 100_000),
      maxQueue: integer(
        'Requests that wait in that pod for one of them to end; more are refused.',
        {
          default: 0,
          minimum: 0,
          maximum: 100_000,
        },
      ),
      maxWait: duration('How long one may wait.', { default: '1s', min: '1ms', max: '1h' }),
      order: {
        type: 'string',
        enum: ['FIFO', 'AdaptiveLIFO'],
        default: 'FIFO',
        description:
          'Who waits longest comes first; AdaptiveLIFO lets the newest come first under overload.',
      },
      adaptive: flag(
        'Whether the limit follows the latency of the server, with maxConcurrent as its ceiling.',
        false,
      ),
      quotas: QUOTAS,
    },
  },
} as const satisfies Schema;

export const RATE_LIMITS = {
  type: 'array',
  description:
    'Requests in a time, counted over all pods of the cluster; a request that fits several must be within each.',
  default: [],
  maxItems: 64,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  items: {
    type: 'object',
    required: ['name', 'requests'],
    properties: {
      name: POLICY_NAME,
      match: MATCH,
      per: PER,
      requests: count('Requests in an interval.', 10_000_000),
      interval: duration('The interval.', { default: '1s', min: '100ms', max: '24h' }),
      burst: count(
        'Requests at once after a quiet time; as many as requests when left out.',
        10_000_000,
      ),
    },
  },
} as const satisfies Schema;
