/** The schemas of `spec.loadBalancing.outlierDetection` and `.circuitBreaker`: who is left out because of what it did. */
import { celIsDuration, duration, flag, group, integer } from '../schema.ts';

const ejectionTimes = `${celIsDuration('self.baseEjectionTime')} && ${celIsDuration('self.maxEjectionTime')}`;

export const OUTLIER_DETECTION = group(
  "Pods that fail more than the others get no requests for a while; names and defaults are Envoy's.",
  {
    enabled: flag('Whether pods are left out for what they did.', true),
    consecutiveErrors: integer('Errors in a row after which a pod is left out; 0 for never.', {
      default: 5,
      minimum: 0,
      maximum: 10_000,
    }),
    interval: duration('How often rates of success are compared.', {
      default: '10s',
      min: '100ms',
      max: '1h',
    }),
    baseEjectionTime: duration('How long a pod is left out, times how often it has been.', {
      default: '30s',
      min: '100ms',
      max: '24h',
    }),
    maxEjectionTime: duration('How long at most.', { default: '5m', min: '100ms', max: '24h' }),
    maxEjectionPercent: integer('Share of the pods that may be left out at the same time.', {
      default: 10,
      minimum: 0,
      maximum: 100,
    }),
    successRateMinimumHosts: integer('Pods with enough requests before rates are compared.', {
      default: 5,
      minimum: 1,
      maximum: 99,
    }),
    successRateRequestVolume: integer('Requests in an interval before the rate of a pod counts.', {
      default: 100,
      minimum: 1,
      maximum: 1_000_000,
    }),
    successRateStdevFactor: integer(
      'How far below the mean rate a pod is left out, in thousandths of the standard deviation.',
      { default: 1900, minimum: 0, maximum: 100_000 },
    ),
    failurePercentageThreshold: integer('Percent of failures at which a pod is left out.', {
      default: 85,
      minimum: 1,
      maximum: 100,
    }),
    panicThresholdPercent: integer('With fewer healthy pods than this share, health is ignored.', {
      default: 50,
      minimum: 0,
      maximum: 100,
    }),
  },
  [
    {
      rule: `!(${ejectionTimes}) || duration(self.baseEjectionTime) <= duration(self.maxEjectionTime)`,
      message: 'baseEjectionTime must not be longer than maxEjectionTime',
      messageExpression: `'baseEjectionTime ' + self.baseEjectionTime + ' must not be longer than maxEjectionTime ' + self.maxEjectionTime`,
      fieldPath: '.baseEjectionTime',
    },
  ],
);

export const CIRCUIT_BREAKER = group(
  'A pod, or one of its tools, that fails gets no calls until a probe succeeds.',
  {
    enabled: flag('Whether there are circuit breakers.', false),
    window: {
      type: 'string',
      enum: ['Consecutive', 'Count', 'Sampling'],
      default: 'Consecutive',
      description:
        'What opens it: failures in a row, their share of the last calls, or their share of the calls in a time.',
    },
    failures: integer('Consecutive: failures in a row.', {
      default: 5,
      minimum: 1,
      maximum: 10_000,
    }),
    calls: integer('Count: calls looked at. Sampling: calls needed before the share counts.', {
      default: 20,
      minimum: 1,
      maximum: 10_000,
    }),
    samplingTime: duration('Sampling: the time looked at.', {
      default: '10s',
      min: '100ms',
      max: '1h',
    }),
    failurePercent: integer('Count, Sampling: the share of failures that opens it.', {
      default: 50,
      minimum: 1,
      maximum: 100,
    }),
    openTime: duration('How long it stays open before a probe.', {
      default: '10s',
      min: '10ms',
      max: '1h',
    }),
    halfOpenProbes: integer('Successful probes that close it.', {
      default: 1,
      minimum: 1,
      maximum: 100,
    }),
    perTool: flag('Whether each tool has one of its own beside that of its pod.', false),
    fallback: {
      type: 'string',
      description:
        'Text that a call of a tool gets as its result while open; an error when left out.',
      minLength: 1,
      maxLength: 4096,
    },
  },
);
