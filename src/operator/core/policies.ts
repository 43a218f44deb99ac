/** The gateway's policies made from a spec: durations in ms, quantities as numbers, shares as factors. */
import type { McpCluster, McpClusterSpec } from '../../api/index.ts';
import { parseQuantity, required } from '../../std/index.ts';
import { tokenFilePath } from './auth-volumes.ts';
import { durationMs } from './durations.ts';

type Balancing = McpClusterSpec['loadBalancing'];
type Provider = McpClusterSpec['gateway']['auth']['providers'][number];

/** In the shape the gateway takes. */
export function policiesOf({ spec }: McpCluster) {
  const { gateway, loadBalancing } = spec;
  return {
    loadBalancing: balancingOf(loadBalancing),
    health: healthOf(loadBalancing),
    bulkheads: spec.bulkheads.map(bulkheadOf),
    rateLimits: gateway.rateLimits.map(({ interval, burst, ...limit }) => ({
      ...limit,
      intervalMs: durationMs(interval),
      burst: burst ?? limit.requests,
    })),
    auth: { ...gateway.auth, providers: gateway.auth.providers.map(providerOf) },
    requestTimeoutMs: durationMs(gateway.requestTimeout),
  };
}

function balancingOf(balancing: Balancing) {
  const { on, name, loadFactorPercent } = balancing.consistentHash;
  return {
    strategy: balancing.strategy,
    affinity: balancing.affinity,
    slowStartMs: durationMs(balancing.slowStart),
    weights: Object.fromEntries(balancing.weights.map(({ pod, weight }) => [pod, weight])),
    capabilities: balancing.capabilities,
    consistentHash: {
      on,
      ...(name === undefined ? {} : { name }),
      loadFactor: loadFactorPercent / 100,
    },
    stateHandles: balancing.stateHandles,
  };
}

function healthOf({
  healthCheck,
  outlierDetection,
  circuitBreaker,
  retryBudget,
  hedging,
}: Balancing) {
  const { interval, timeout, ...thresholds } = healthCheck;
  const { interval: between, baseEjectionTime, maxEjectionTime, ...outliers } = outlierDetection;
  const { samplingTime, openTime, ...breaker } = circuitBreaker;
  return {
    healthCheck: {
      intervalMs: durationMs(interval),
      timeoutMs: durationMs(timeout),
      ...thresholds,
    },
    outlierDetection: {
      ...outliers,
      intervalMs: durationMs(between),
      baseEjectionMs: durationMs(baseEjectionTime),
      maxEjectionMs: durationMs(maxEjectionTime),
      // In thousandths, because a resource holds no fractions.
      successRateStdevFactor: outliers.successRateStdevFactor / 1000,
    },
    circuitBreaker: {
      ...breaker,
      windowMs: durationMs(samplingTime),
      openMs: durationMs(openTime),
    },
    retryBudget,
    ...(hedging === undefined ? {} : { hedging: { delayMs: durationMs(hedging.delay) } }),
  };
}

function bulkheadOf({ maxWait, quotas, ...bulkhead }: McpClusterSpec['bulkheads'][number]) {
  const { bytesPerSecond, cpu, memory } = quotas ?? {};
  const limits = {
    ...(bytesPerSecond === undefined ? {} : { bytesPerSecond: quantityOf(bytesPerSecond) }),
    ...(cpu === undefined ? {} : { cpu: quantityOf(cpu) }),
    ...(memory === undefined ? {} : { memoryBytes: quantityOf(memory) }),
  };
  return {
    ...bulkhead,
    maxWaitMs: durationMs(maxWait),
    ...(quotas === undefined ? {} : { quotas: limits }),
  };
}

/** The API server admits exactly one kind of each. */
function providerOf({ tokenFile, jwt, tokenReview }: Provider) {
  if (tokenFile !== undefined) {
    return { type: 'TokenFile', path: tokenFilePath(tokenFile.secretKeyRef) };
  }
  if (jwt !== undefined) return { type: 'JWT', ...jwt };
  return { type: 'TokenReview', audiences: tokenReview?.audiences ?? [] };
}

/** The API server admits nothing that is not a quantity. */
function quantityOf(value: number | string): number {
  return required(parseQuantity(String(value)), `not a quantity: ${value}`);
}
