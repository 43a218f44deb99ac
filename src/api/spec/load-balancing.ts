/** The schema of `spec.loadBalancing`: which pod a request goes to, and which pods are left out. */
import {
  celIsDuration,
  duration,
  group,
  integer,
  names,
  optionalDuration,
  type Schema,
} from '../schema.ts';
import { CIRCUIT_BREAKER, OUTLIER_DETECTION } from './outliers.ts';
import { toolPattern } from './request-match.ts';

const WEIGHTS = {
  type: 'array',
  description:
    'Shares of pods; 1 for a pod that is not named. The annotation mcpcluster.io/weight of a pod comes first.',
  default: [],
  maxItems: 99,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['pod'],
  items: {
    type: 'object',
    required: ['pod', 'weight'],
    properties: {
      pod: {
        type: 'string',
        description: 'Name of the pod.',
        maxLength: 63,
        'x-kubernetes-validations': [
          {
            rule: "self.matches('^[a-z][a-z0-9-]*-(0|[1-9][0-9]?)$')",
            message: 'must be the name of a pod such as tools-0',
            messageExpression: `'"' + self + '" is not the name of a pod such as tools-0'`,
          },
        ],
      },
      weight: {
        type: 'integer',
        format: 'int32',
        description: 'Its share; 0 for none.',
        minimum: 0,
        maximum: 1000,
      },
    },
  },
} as const satisfies Schema;

/** Labels of the pod annotation `mcpcluster.io/capabilities`. */
const capability = {
  'x-kubernetes-validations': [
    {
      rule: "self.matches('^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$')",
      message: 'must be a label such as gpu or zone/eu',
      messageExpression: `'"' + self + '" is not a label such as gpu or zone/eu'`,
    },
  ],
} as const;

const CAPABILITIES = {
  type: 'array',
  description:
    'What tools need of a pod: a tool is only called at pods whose annotation mcpcluster.io/capabilities names everything it requires. The first entry that names a tool counts. A session at another pod moves to such a one when its running requests are done, as it does when its pod leaves: what the server kept in memory for it stays behind.',
  default: [],
  maxItems: 64,
  'x-kubernetes-list-type': 'atomic',
  items: {
    type: 'object',
    required: ['tool', 'requires'],
    properties: {
      tool: toolPattern('Name of a tool; * ends the beginning of one.'),
      requires: names(
        'Labels that the pod must have.',
        { min: 1, max: 16, lengthMax: 63 },
        capability,
      ),
    },
  },
} as const satisfies Schema;

const CONSISTENT_HASH = group(
  'What the strategy ConsistentHash goes by.',
  {
    on: {
      type: 'string',
      enum: ['Session', 'Principal', 'Header', 'Argument'],
      default: 'Session',
      description:
        'What is hashed: the session, who calls, a header of the request or an argument of the tool.',
    },
    name: {
      type: 'string',
      description: 'Name of the header or the argument.',
      minLength: 1,
      maxLength: 256,
    },
    loadFactorPercent: integer(
      'Load of a pod at most, in percent of the average: who would get more goes to the next pod.',
      { default: 125, minimum: 101, maximum: 1000 },
    ),
  },
  [
    {
      rule: "(self.on in ['Header', 'Argument']) == has(self.name)",
      message: 'name is required for Header and Argument, and has no meaning for the others',
      messageExpression: `has(self.name) ? 'name "' + self.name + '" has no meaning for on: ' + self.on : 'name is required for on: ' + self.on`,
      fieldPath: '.name',
    },
  ],
);

const STATE_HANDLES = {
  type: 'array',
  description:
    "Arguments of tools that name state in a pod's memory: calls with the same value go to the same pod. With callers configured, a value is bound to the principal who was given it or used it first; to others it is unknown. Nothing of this with affinity None.",
  default: [],
  maxItems: 64,
  'x-kubernetes-list-type': 'atomic',
  items: {
    type: 'object',
    required: ['argument'],
    properties: {
      tool: toolPattern('Name of the tool, * ends the beginning of one; every tool when left out.'),
      argument: {
        type: 'string',
        description: 'Name of the argument.',
        minLength: 1,
        maxLength: 256,
      },
    },
  },
} as const satisfies Schema;

const healthTimes = `${celIsDuration('self.interval')} && ${celIsDuration('self.timeout')}`;

const HEALTH_CHECK = group(
  "Probes of the pod's own MCP server by its sidecar.",
  {
    interval: duration('How often.', { default: '1s', min: '50ms', max: '1h' }),
    timeout: duration('How long the answer may take.', {
      default: '500ms',
      min: '10ms',
      max: '60s',
    }),
    unhealthyThreshold: integer('Failures in a row after which nothing is sent to the pod.', {
      default: 2,
      minimum: 1,
      maximum: 100,
    }),
    healthyThreshold: integer('Successes in a row after which it takes part again.', {
      default: 1,
      minimum: 1,
      maximum: 100,
    }),
  },
  [
    {
      rule: `!(${healthTimes}) || duration(self.timeout) <= duration(self.interval)`,
      message: 'timeout must not be longer than interval',
      messageExpression: `'timeout ' + self.timeout + ' must not be longer than interval ' + self.interval`,
      fieldPath: '.timeout',
    },
  ],
);

const RETRY_BUDGET = group('Retries beside running requests at most.', {
  percent: integer('In percent of the running requests.', {
    default: 20,
    minimum: 0,
    maximum: 100,
  }),
  min: integer('That many in any case.', { default: 3, minimum: 0, maximum: 1000 }),
});

const HEDGING = {
  type: 'object',
  description:
    'A read-only request without an answer is sent to a second pod too; the first answer counts. Never when left out.',
  required: ['delay'],
  properties: {
    delay: optionalDuration('How long the first pod has to answer.', { min: '1ms', max: '60s' }),
  },
} as const satisfies Schema;

export const LOAD_BALANCING = group(
  'Which pod a request goes to, and which pods are left out. All of it may change while pods run.',
  {
    strategy: {
      type: 'string',
      enum: [
        'RoundRobin',
        'LeastConnections',
        'WeightedRoundRobin',
        'ConsistentHash',
        'HealthBased',
        'ResponseTime',
        'ResourceBased',
        'Capability',
      ],
      default: 'LeastConnections',
      description: 'How the pod of a new session, or of a request without one, is chosen.',
    },
    affinity: {
      type: 'string',
      enum: ['Session', 'None'],
      default: 'Session',
      description:
        'Session keeps together what names the same state; None sends each request without a session wherever the strategy says.',
    },
    slowStart: duration('A pod that became ready takes its full share only after so long.', {
      default: '0s',
      min: '0s',
      max: '1h',
    }),
    weights: WEIGHTS,
    capabilities: CAPABILITIES,
    consistentHash: CONSISTENT_HASH,
    stateHandles: STATE_HANDLES,
    healthCheck: HEALTH_CHECK,
    outlierDetection: OUTLIER_DETECTION,
    circuitBreaker: CIRCUIT_BREAKER,
    retryBudget: RETRY_BUDGET,
    hedging: HEDGING,
  },
  [
    {
      rule: "self.strategy != 'Capability' || self.capabilities.size() > 0",
      message: 'strategy Capability needs at least one entry that says what a tool requires',
      fieldPath: '.capabilities',
      reason: 'FieldValueRequired',
    },
  ],
);
