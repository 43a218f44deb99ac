/**
 * What the resource decides about requests beyond limits and time-outs: balancing, health, bulkheads, rates, who may call.
 * One immutable value; a change of the resource brings another one, and whoever keeps state by it compares by identity.
 */

export type BalancerName =
  | 'RoundRobin'
  | 'LeastConnections'
  | 'WeightedRoundRobin'
  | 'ConsistentHash'
  | 'HealthBased'
  | 'ResponseTime'
  | 'ResourceBased'
  | 'Capability';

export interface LoadBalancingPolicy {
  readonly strategy: BalancerName;
  /** `None`: requests of the stateless era go wherever the balancer says; `Session` keeps what names a state together. */
  readonly affinity: 'Session' | 'None';
  /** A pod that became ready takes its full share only after so long; 0 = at once. */
  readonly slowStartMs: number;
  /** Shares by pod name; 1 where there is none. The pod's annotation `mcpcluster.io/weight` comes first. */
  readonly weights: Readonly<Record<string, number>>;
  /** Which labels of a pod (annotation `mcpcluster.io/capabilities`) a tool needs; `*` ends a prefix. */
  readonly capabilities: readonly { readonly tool: string; readonly requires: readonly string[] }[];
  readonly consistentHash: {
    readonly on: 'Session' | 'Principal' | 'Header' | 'Argument';
    /** Of the header or the argument. */
    readonly name?: string;
    /** Load of a pod over the average at most (Mirrokni, Thorup, Zadimoghaddam: bounded loads). */
    readonly loadFactor: number;
  };
  /** Tool arguments that name state in a pod's memory (SEP-2567): calls with the same value go to the same pod. */
  readonly stateHandles: readonly { readonly tool?: string; readonly argument: string }[];
}

export interface HealthPolicy {
  /** Probes of the pod's own MCP server. */
  readonly healthCheck: {
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly unhealthyThreshold: number;
    readonly healthyThreshold: number;
  };
  /** Envoy's outlier detection, its names and defaults. */
  readonly outlierDetection: {
    readonly enabled: boolean;
    readonly consecutiveErrors: number;
    readonly intervalMs: number;
    readonly baseEjectionMs: number;
    readonly maxEjectionMs: number;
    readonly maxEjectionPercent: number;
    readonly successRateMinimumHosts: number;
    readonly successRateRequestVolume: number;
    readonly successRateStdevFactor: number;
    readonly failurePercentageThreshold: number;
    /** With fewer healthy pods than this share, health is ignored. */
    readonly panicThresholdPercent: number;
  };
  readonly circuitBreaker: {
    readonly enabled: boolean;
    readonly window: 'Consecutive' | 'Count' | 'Sampling';
    /** `Consecutive`: failures in a row. */
    readonly failures: number;
    /** `Count`: calls looked at; `Sampling`: calls needed before the share counts. */
    readonly calls: number;
    /** `Sampling`: the time looked at. */
    readonly windowMs: number;
    /** `Count`, `Sampling`: the share that opens it. */
    readonly failurePercent: number;
    readonly openMs: number;
    readonly halfOpenProbes: number;
    /** A tool has one of its own beside that of its pod. */
    readonly perTool: boolean;
    /** Text that a tool call gets as its result while open; an error when absent. */
    readonly fallback?: string;
  };
  /** Retries beside running requests at most: `percent` of them, and `min` in any case. */
  readonly retryBudget: { readonly percent: number; readonly min: number };
  /** A read-only request without answer after so long is sent to a second pod too; absent: never. */
  readonly hedging?: { readonly delayMs: number };
}

/** Whom a bulkhead or a rate limit is about; an absent list means everybody. */
export interface RequestMatch {
  readonly methods?: readonly string[];
  /** Names of tools; `*` ends a prefix. */
  readonly tools?: readonly string[];
  readonly tenants?: readonly string[];
}

export interface BulkheadPolicy {
  readonly name: string;
  readonly match: RequestMatch;
  /** One compartment for all that match, or one for each. */
  readonly per: 'All' | 'Tool' | 'Tenant' | 'Session';
  /** Requests at the same time, through this pod: a cluster lets as many times more through as it has pods. */
  readonly maxConcurrent: number;
  readonly maxQueue: number;
  readonly maxWaitMs: number;
  /** `AdaptiveLIFO`: first in, first out until there is overload, then the newest first, as Facebook's with CoDel. */
  readonly order: 'FIFO' | 'AdaptiveLIFO';
  /** `maxConcurrent` is the ceiling of a limit found by latency (Gradient2). */
  readonly adaptive: boolean;
  readonly quotas?: {
    /** Of answers, which are held back to that. */
    readonly bytesPerSecond?: number;
    /** Cores and bytes of the MCP server that serves the request, above which nothing more is admitted. */
    readonly cpu?: number;
    readonly memoryBytes?: number;
  };
}

export interface RateLimitPolicy {
  readonly name: string;
  readonly match: RequestMatch;
  readonly per: 'All' | 'Tool' | 'Tenant' | 'Session';
  /** For the whole cluster. */
  readonly requests: number;
  readonly intervalMs: number;
  /** Requests at once after a quiet time; half a second's worth at least, or load that moves between pods loses some. */
  readonly burst: number;
}

export interface AuthPolicy {
  /** Asked in this order; the first that knows the token decides. Empty: everybody is `anonymous`. */
  readonly providers: readonly AuthProvider[];
  /**
   * Who may call which tool. The first that matches decides: the tool is named, tenant and groups are among the listed
   * ones, and the token has all the scopes. What none matches is denied; without any rule
   * everything is allowed.
   */
  readonly rules: readonly {
    readonly tools: readonly string[];
    readonly tenants?: readonly string[];
    readonly groups?: readonly string[];
    readonly scopes?: readonly string[];
    readonly effect: 'Allow' | 'Deny';
  }[];
  /**
   * False: the MCP server does not see the `Authorization` header. By default it does: gateway and server are one
   * protected resource with one audience, so this is not the forwarding to third parties that MCP forbids.
   */
  readonly forwardToken?: boolean;
  /** RFC 9728, served at `/.well-known/oauth-protected-resource`. */
  readonly protectedResource?: {
    readonly resource: string;
    readonly authorizationServers: readonly string[];
    readonly scopes: readonly string[];
  };
}

export type AuthProvider =
  /** A file with one `token tenant [group,group [name]]` a line; read again when it changes. */
  | { readonly type: 'TokenFile'; readonly path: string }
  | {
      readonly type: 'JWT';
      readonly issuer: string;
      readonly jwksUri: string;
      /** PEM of the authority that its server must be signed by; one of the usual ones when absent. */
      readonly ca?: string;
      readonly audiences: readonly string[];
      /** Claims that hold tenant and groups. */
      readonly tenantClaim: string;
      readonly groupsClaim: string;
    }
  /** Kubernetes says who it is. */
  | { readonly type: 'TokenReview'; readonly audiences: readonly string[] };

export interface GatewayPolicies {
  readonly loadBalancing: LoadBalancingPolicy;
  readonly health: HealthPolicy;
  readonly bulkheads: readonly BulkheadPolicy[];
  readonly rateLimits: readonly RateLimitPolicy[];
  readonly auth: AuthPolicy;
  /** How long a request may take, whatever the client would wait. */
  readonly requestTimeoutMs: number;
}

/** What a cluster does whose resource says nothing. */
export const DEFAULT_POLICIES: GatewayPolicies = {
  loadBalancing: {
    strategy: 'LeastConnections',
    affinity: 'Session',
    slowStartMs: 0,
    weights: {},
    capabilities: [],
    consistentHash: { on: 'Session', loadFactor: 1.25 },
    stateHandles: [],
  },
  health: {
    healthCheck: { intervalMs: 1_000, timeoutMs: 500, unhealthyThreshold: 2, healthyThreshold: 1 },
    outlierDetection: {
      enabled: true,
      consecutiveErrors: 5,
      intervalMs: 10_000,
      baseEjectionMs: 30_000,
      maxEjectionMs: 300_000,
      maxEjectionPercent: 10,
      successRateMinimumHosts: 5,
      successRateRequestVolume: 100,
      successRateStdevFactor: 1.9,
      failurePercentageThreshold: 85,
      panicThresholdPercent: 50,
    },
    circuitBreaker: {
      enabled: false,
      window: 'Consecutive',
      failures: 5,
      calls: 20,
      windowMs: 10_000,
      failurePercent: 50,
      openMs: 10_000,
      halfOpenProbes: 1,
      perTool: false,
    },
    retryBudget: { percent: 20, min: 3 },
  },
  bulkheads: [],
  rateLimits: [],
  auth: { providers: [], rules: [] },
  requestTimeoutMs: 3_600_000,
};

/** What a policy is asked about. */
export interface RequestFacts {
  readonly method: string;
  readonly tool: string | undefined;
  readonly tenant: string;
  readonly session: string | undefined;
}

/** True when the request is one of those that `match` names. */
export function matches(match: RequestMatch, { method, tool, tenant }: RequestFacts): boolean {
  const { methods, tools, tenants } = match;
  return (
    (methods === undefined || methods.includes(method)) &&
    (tools === undefined || (tool !== undefined && tools.some((name) => namesTool(name, tool)))) &&
    (tenants === undefined || tenants.includes(tenant))
  );
}

/** True when `pattern` is the tool's name, or a beginning of it before its `*`. */
export function namesTool(pattern: string, tool: string): boolean {
  return pattern.endsWith('*') ? tool.startsWith(pattern.slice(0, -1)) : pattern === tool;
}
