/** Wrong policies of the gateway in a spec, and what a real API server must say of each. */

type Row = readonly [spec: Record<string, unknown>, path: string, says: RegExp];

const balancing = (fields: object): Record<string, unknown> => ({ loadBalancing: fields });
const auth = (fields: object): Record<string, unknown> => ({ gateway: { auth: fields } });
const bulkhead = (fields: object): Record<string, unknown> => ({
  bulkheads: [{ name: 'slow', maxConcurrent: 10, ...fields }],
});
const rateLimit = (fields: object): Record<string, unknown> => ({
  gateway: { rateLimits: [{ name: 'calls', requests: 10, ...fields }] },
});
const jwt = {
  issuer: 'https://login.example.com',
  jwksUri: 'https://login.example.com/keys',
  audiences: ['tools'],
};
const JWT = 'spec.gateway.auth.providers[0].jwt';

const BALANCING: readonly Row[] = [
  [balancing({ strategy: 'Fastest' }), 'spec.loadBalancing.strategy', /"Fastest": supported/],
  [balancing({ slowStart: '2h' }), 'spec.loadBalancing.slowStart', /"2h" is not between 0s and 1h/],
  [
    balancing({ weights: [{ pod: 'other-0', weight: 1 }] }),
    'spec.loadBalancing.weights',
    /must name pods of this cluster/,
  ],
  [
    balancing({ weights: [{ pod: 'bad-3', weight: 1 }] }),
    'spec.loadBalancing.weights',
    /must name pods of this cluster.*below replicas/,
  ],
  [
    balancing({ weights: [{ pod: 'bad', weight: 1 }] }),
    'spec.loadBalancing.weights[0].pod',
    /"bad" is not the name of a pod/,
  ],
  [
    balancing({ weights: [0, 1, 2].map((ordinal) => ({ pod: `bad-${ordinal}`, weight: 0 })) }),
    'spec.loadBalancing.weights',
    /sum to 0/,
  ],
  [
    balancing({ weights: [1, 2].map((weight) => ({ pod: 'bad-0', weight })) }),
    'spec.loadBalancing.weights[1]',
    /Duplicate value: \{"pod":"bad-0"\}/,
  ],
  [
    balancing({ weights: [{ pod: 'bad-0', weight: -1 }] }),
    'spec.loadBalancing.weights[0].weight',
    /-1.*greater than or equal to 0/,
  ],
  [
    balancing({ strategy: 'Capability' }),
    'spec.loadBalancing.capabilities',
    /strategy Capability needs/,
  ],
  [
    balancing({ capabilities: [{ tool: 'render', requires: [] }] }),
    'spec.loadBalancing.capabilities[0].requires',
    /at least 1 items/,
  ],
  [
    balancing({ capabilities: [{ tool: 'render', requires: ['a b'] }] }),
    'spec.loadBalancing.capabilities[0].requires[0]',
    /"a b" is not a label/,
  ],
  [
    balancing({ capabilities: [{ tool: 're*der', requires: ['gpu'] }] }),
    'spec.loadBalancing.capabilities[0].tool',
    /"re\*der" is not the name of a tool/,
  ],
  [
    balancing({ consistentHash: { on: 'Header' } }),
    'spec.loadBalancing.consistentHash.name',
    /name is required for on: Header/,
  ],
  [
    balancing({ consistentHash: { on: 'Session', name: 'x' } }),
    'spec.loadBalancing.consistentHash.name',
    /name "x" has no meaning for on: Session/,
  ],
  [
    balancing({ consistentHash: { loadFactorPercent: 100 } }),
    'spec.loadBalancing.consistentHash.loadFactorPercent',
    /100.*greater than or equal to 101/,
  ],
  [
    balancing({ healthCheck: { timeout: '2s' } }),
    'spec.loadBalancing.healthCheck.timeout',
    /timeout 2s must not be longer than interval 1s/,
  ],
  [
    balancing({ outlierDetection: { baseEjectionTime: '10m' } }),
    'spec.loadBalancing.outlierDetection.baseEjectionTime',
    /baseEjectionTime 10m must not be longer than maxEjectionTime 5m/,
  ],
  [
    balancing({ outlierDetection: { maxEjectionPercent: 101 } }),
    'spec.loadBalancing.outlierDetection.maxEjectionPercent',
    /101.*less than or equal to 100/,
  ],
  [
    balancing({ circuitBreaker: { window: 'Sliding' } }),
    'spec.loadBalancing.circuitBreaker.window',
    /"Sliding": supported values: "Consecutive", "Count", "Sampling"/,
  ],
  // A fallback is a text and names no tool whose own breaker could lead back: there is no way to write a circle.
  [
    balancing({ circuitBreaker: { fallback: ['render'] } }),
    'spec.loadBalancing.circuitBreaker.fallback',
    /must be of type string/,
  ],
  [
    balancing({ retryBudget: { percent: 120 } }),
    'spec.loadBalancing.retryBudget.percent',
    /120.*less than or equal to 100/,
  ],
  [balancing({ hedging: {} }), 'spec.loadBalancing.hedging.delay', /Required value/],
];

const ADMISSION: readonly Row[] = [
  [bulkhead({ maxConcurrent: 0 }), 'spec.bulkheads[0].maxConcurrent', /0.*equal to 1/],
  [bulkhead({ name: 'Slow tools' }), 'spec.bulkheads[0].name', /"Slow tools" must hold only/],
  [
    { bulkheads: [1, 2].map((maxConcurrent) => ({ name: 'twice', maxConcurrent })) },
    'spec.bulkheads[1]',
    /Duplicate value: \{"name":"twice"\}/,
  ],
  [
    bulkhead({ match: { methods: ['ping'], tools: ['slow'] } }),
    'spec.bulkheads[0].match.methods',
    /names no tools\/call/,
  ],
  [bulkhead({ match: { tools: [] } }), 'spec.bulkheads[0].match.tools', /at least 1 items/],
  [bulkhead({ quotas: {} }), 'spec.bulkheads[0].quotas', /needs at least one of/],
  [
    bulkhead({ quotas: { memory: 'much' } }),
    'spec.bulkheads[0].quotas.memory',
    /"much" is not a quantity above 0/,
  ],
  [bulkhead({ quotas: { cpu: '0' } }), 'spec.bulkheads[0].quotas.cpu', /"0" is not a quantity/],
  [bulkhead({ order: 'LIFO' }), 'spec.bulkheads[0].order', /"LIFO": supported values/],
  [rateLimit({ burst: 0 }), 'spec.gateway.rateLimits[0].burst', /0.*equal to 1/],
  [rateLimit({ requests: 0 }), 'spec.gateway.rateLimits[0].requests', /0.*equal to 1/],
  [rateLimit({ interval: '1ms' }), 'spec.gateway.rateLimits[0].interval', /"1ms" is not between/],
  [
    { gateway: { rateLimits: [1, 2].map((requests) => ({ name: 'twice', requests })) } },
    'spec.gateway.rateLimits[1]',
    /Duplicate value/,
  ],
  [
    { gateway: { requestTimeout: '0s' } },
    'spec.gateway.requestTimeout',
    /"0s" is not between 100ms and 24h/,
  ],
  [
    { sessions: { resume: { replicas: 3 } } },
    'spec.sessions.resume.replicas',
    /3.*less than or equal to 2/,
  ],
];

const AUTH: readonly Row[] = [
  [
    auth({ rules: [{ tools: ['*'] }] }),
    'spec.gateway.auth.rules',
    /needs at least one entry in providers/,
  ],
  [
    auth({ protectedResource: { resource: 'https://a', authorizationServers: ['https://b'] } }),
    'spec.gateway.auth.protectedResource',
    /needs at least one entry in providers/,
  ],
  [
    auth({ providers: [{ name: 'none' }] }),
    'spec.gateway.auth.providers[0]',
    /needs exactly one of tokenFile, jwt and tokenReview/,
  ],
  [
    auth({ providers: [{ name: 'both', jwt, tokenReview: { audiences: ['a'] } }] }),
    'spec.gateway.auth.providers[0]',
    /needs exactly one of tokenFile, jwt and tokenReview/,
  ],
  [
    auth({ providers: [{ name: 'a', jwt: { ...jwt, jwksUri: 'http://login.example.com/keys' } }] }),
    `${JWT}.jwksUri`,
    /"http:\/\/login.example.com\/keys" is not an https URL/,
  ],
  [
    auth({ providers: [{ name: 'a', jwt: { issuer: jwt.issuer, audiences: ['tools'] } }] }),
    `${JWT}.jwksUri`,
    /Required value/,
  ],
  [
    auth({ providers: [{ name: 'a', jwt: { ...jwt, audiences: [] } }] }),
    `${JWT}.audiences`,
    /at least 1 items/,
  ],
  [
    auth({ providers: [1, 2].map(() => ({ name: 'twice', jwt })) }),
    'spec.gateway.auth.providers[1]',
    /Duplicate value/,
  ],
  [
    auth({ providers: [{ name: 'a', tokenFile: { secretKeyRef: { name: 'a', key: '../b' } } }] }),
    'spec.gateway.auth.providers[0].tokenFile.secretKeyRef.key',
    /"\.\.\/b" is not a key of a Secret/,
  ],
];

export const REFUSED_POLICIES: readonly Row[] = [...BALANCING, ...ADMISSION, ...AUTH];
