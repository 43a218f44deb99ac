/** The JSON Schema of the gateway's policies, and what it cannot say of them. */
import { DEFAULT_POLICIES, type GatewayPolicies } from '../gateway/index.ts';
import {
  closed,
  flag,
  list,
  oneOf,
  percent,
  positive,
  text,
  texts,
  whole,
  withDefaults,
} from './json-schema.ts';

const some = { ...texts, minItems: 1 };
const per = { ...oneOf('All', 'Tool', 'Tenant', 'Session'), default: 'All' };
const match = { ...closed({}, { methods: some, tools: some, tenants: some }), default: {} };
const amount = { type: 'number', exclusiveMinimum: 0 };

const loadBalancing = closed({
  strategy: oneOf(
    ...['RoundRobin', 'LeastConnections', 'WeightedRoundRobin', 'ConsistentHash'],
    ...['HealthBased', 'ResponseTime', 'ResourceBased', 'Capability'],
  ),
  affinity: oneOf('Session', 'None'),
  slowStartMs: whole,
  weights: { type: 'object', additionalProperties: { type: 'number', minimum: 0 } },
  capabilities: list(closed({ tool: text, requires: some })),
  consistentHash: closed(
    {
      on: oneOf('Session', 'Principal', 'Header', 'Argument'),
      loadFactor: { type: 'number', exclusiveMinimum: 1 },
    },
    { name: text },
  ),
  stateHandles: list(closed({ argument: text }, { tool: text })),
});

const health = closed(
  {
    healthCheck: closed({
      intervalMs: positive,
      timeoutMs: positive,
      unhealthyThreshold: positive,
      healthyThreshold: positive,
    }),
    outlierDetection: closed({
      enabled: flag,
      consecutiveErrors: whole,
      intervalMs: positive,
      baseEjectionMs: positive,
      maxEjectionMs: positive,
      maxEjectionPercent: percent,
      successRateMinimumHosts: positive,
      successRateRequestVolume: positive,
      successRateStdevFactor: { type: 'number', minimum: 0 },
      failurePercentageThreshold: percent,
      panicThresholdPercent: percent,
    }),
    circuitBreaker: closed(
      {
        enabled: flag,
        window: oneOf('Consecutive', 'Count', 'Sampling'),
        failures: positive,
        calls: positive,
        windowMs: positive,
        failurePercent: percent,
        openMs: positive,
        halfOpenProbes: positive,
        perTool: flag,
      },
      { fallback: text },
    ),
    retryBudget: closed({ percent, min: whole }),
  },
  { hedging: closed({ delayMs: positive }) },
);

const bulkheads = list(
  closed(
    {
      name: text,
      match,
      per,
      maxConcurrent: positive,
      maxQueue: { ...whole, default: 0 },
      maxWaitMs: { ...positive, default: 1_000 },
      order: { ...oneOf('FIFO', 'AdaptiveLIFO'), default: 'FIFO' },
      adaptive: { ...flag, default: false },
    },
    { quotas: closed({}, { bytesPerSecond: amount, cpu: amount, memoryBytes: amount }) },
  ),
);

const rateLimits = list(
  closed({
    name: text,
    match,
    per,
    requests: positive,
    intervalMs: { ...positive, default: 1_000 },
    burst: positive,
  }),
);

const provider = {
  type: 'object',
  required: ['type'],
  discriminator: { propertyName: 'type' },
  oneOf: [
    closed({ type: { const: 'TokenFile' }, path: text }),
    closed(
      {
        type: { const: 'JWT' },
        issuer: text,
        // A key that anybody on the way can replace proves nothing; the own machine is not on the way.
        jwksUri: { type: 'string', pattern: '^(https://|http://(localhost|127[.]0[.]0[.]1)[:/])' },
        audiences: some,
        tenantClaim: text,
        groupsClaim: text,
      },
      { ca: text },
    ),
    closed({ type: { const: 'TokenReview' }, audiences: some }),
  ],
};

const auth = closed(
  {
    providers: list(provider),
    rules: list(
      closed(
        { tools: some, effect: { ...oneOf('Allow', 'Deny'), default: 'Allow' } },
        { tenants: some, groups: some, scopes: some },
      ),
    ),
  },
  {
    forwardToken: flag,
    protectedResource: closed({ resource: text, authorizationServers: some, scopes: texts }),
  },
);

/** Every field that has one in `DEFAULT_POLICIES` may be left out. */
export const POLICIES = withDefaults(
  closed({ loadBalancing, health, bulkheads, rateLimits, auth, requestTimeoutMs: positive }),
  DEFAULT_POLICIES,
);

/** What contradicts itself in `policies`: the path of the field and why; undefined when nothing does. */
export function policiesProblem(policies: GatewayPolicies): string | undefined {
  const { loadBalancing: balancing, health: healthPolicy, auth: authPolicy } = policies;
  const { baseEjectionMs, maxEjectionMs } = healthPolicy.outlierDetection;
  const { on, name } = balancing.consistentHash;
  if (['Header', 'Argument'].includes(on) !== (name !== undefined)) {
    return `/loadBalancing/consistentHash/name: needed for Header and Argument only, on is ${on}`;
  }
  if (baseEjectionMs > maxEjectionMs) {
    return `/health/outlierDetection/baseEjectionMs: ${baseEjectionMs} > maxEjectionMs ${maxEjectionMs}`;
  }
  if (authPolicy.rules.length > 0 && authPolicy.providers.length === 0) {
    return '/auth/rules: needs a provider: without one nobody can be told apart';
  }
  return twice('/bulkheads', policies.bulkheads) ?? twice('/rateLimits', policies.rateLimits);
}

function twice(path: string, named: readonly { readonly name: string }[]): string | undefined {
  const seen = new Set<string>();
  for (const { name } of named) {
    if (seen.has(name)) return `${path}: the name ${JSON.stringify(name)} is given twice`;
    seen.add(name);
  }
  return undefined;
}
