/** The validating webhook: AdmissionReview v1 in and out (admission.k8s.io). It writes nothing and keeps nothing. */
import type { McpCluster } from '../../api/index.ts';
import { MCP_CLUSTER_KIND } from '../../api/index.ts';
import { withinTime } from '../../std/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import { judge, type AdmissionFacts, type ReconcileProblem, type Verdict } from '../core/index.ts';
import { problem, type ServingAnswer, type ServingRoute } from '../serving/listener.ts';
import { lookAround, type AdmissionOptions } from './facts.ts';

export const ADMISSION_PATH = '/validate-mcpclusters';
/** The object and the one before it, each as large as etcd takes one. */
const BODY_BYTES_MAX = 4 * 2 ** 20;
/** Less than the timeoutSeconds of the webhook: what cannot be looked up in time is told by conditions. */
export const LOOK_MS_MAX = 3_000;

interface AdmissionRequest {
  readonly uid: string;
  readonly operation: string;
  readonly object: McpCluster;
  readonly oldObject: McpCluster | null;
}

export interface AdmissionRouteOptions extends AdmissionOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export function admissionRoute(options: AdmissionRouteOptions): ServingRoute {
  const { logger } = options;
  const reviews = options.metrics.counter(
    'mcp_operator_admission_reviews_total',
    'McpClusters that the webhook was asked about, by what it said: admitted, warned, refused or unchecked.',
    ['outcome'],
  );
  for (const outcome of ['admitted', 'warned', 'refused', 'unchecked']) reviews.inc({ outcome }, 0);
  return {
    bodyBytesMax: BODY_BYTES_MAX,
    async answer({ signal }, body): Promise<ServingAnswer> {
      const request = requestOf(body);
      if (request === undefined) {
        return problem(
          400,
          'not-a-review',
          'send an AdmissionReview of admission.k8s.io/v1 about a McpCluster',
        );
      }
      const { uid, object, oldObject, operation } = request;
      const before = operation === 'UPDATE' ? (oldObject ?? undefined) : undefined;
      let verdict: Verdict;
      try {
        const look = (limit: AbortSignal): Promise<AdmissionFacts> =>
          Promise.race([lookAround(object, before, options), endOf(limit)]);
        const facts = await withinTime(options.clock, LOOK_MS_MAX, look, signal);
        verdict = judge(object, before, facts);
      } catch (error) {
        // No reason to keep anybody from working: the same is told by the conditions.
        logger.warn('a McpCluster could not be checked', { error: String(error) });
        reviews.inc({ outcome: 'unchecked' });
        return review({ uid, allowed: true, warnings: [UNCHECKED] });
      }
      const { refusals, warnings } = verdict;
      const outcome = refusals.length > 0 ? 'refused' : warnings.length > 0 ? 'warned' : 'admitted';
      reviews.inc({ outcome });
      return review({
        uid,
        allowed: refusals.length === 0,
        ...(refusals.length === 0 ? {} : { status: statusOf(object, refusals) }),
        ...(warnings.length === 0 ? {} : { warnings: warnings.map(({ message }) => message) }),
      });
    },
  };
}

/** Rejects when `signal` aborts; what was begun ends by the client's own time-out. */
function endOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

const UNCHECKED =
  'what this McpCluster has to do with other objects could not be looked up; its conditions will tell';

function review(response: object): ServingAnswer {
  return {
    status: 200,
    body: { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response },
  };
}

/** As the API server itself answers an invalid object: one cause for each problem, with its field. */
function statusOf({ metadata }: McpCluster, refusals: readonly ReconcileProblem[]): object {
  const causes = refusals.map(({ message }) => {
    const end = message.indexOf(': ');
    return {
      reason: 'FieldValueInvalid',
      field: message.slice(0, end),
      message: message.slice(end + 2),
    };
  });
  return {
    code: 422,
    reason: 'Invalid',
    message: refusals.map(({ message }) => message).join(' | '),
    details: { group: 'mcpcluster.io', kind: MCP_CLUSTER_KIND, name: metadata.name, causes },
  };
}

/** Undefined for what no API server sends. */
function requestOf(body: Buffer): AdmissionRequest | undefined {
  try {
    const { apiVersion, request } = JSON.parse(body.toString('utf8')) as {
      readonly apiVersion?: unknown;
      readonly request?: Partial<AdmissionRequest>;
    };
    const { uid, operation, object } = request ?? {};
    const isAsked = apiVersion === 'admission.k8s.io/v1' && typeof uid === 'string';
    const isCluster = isComplete(object) && typeof operation === 'string';
    const old = request?.oldObject ?? null;
    if (!isAsked || !isCluster || (old !== null && !isComplete(old))) return undefined;
    return { uid, operation, object, oldObject: old };
  } catch {
    return undefined;
  }
}

/** The API server has validated and completed it; anybody else may send anything. */
function isComplete(object: McpCluster | undefined): object is McpCluster {
  return (
    object?.kind === MCP_CLUSTER_KIND &&
    typeof object.metadata?.name === 'string' &&
    typeof object.metadata.namespace === 'string' &&
    typeof object.spec?.storage?.size === 'string'
  );
}
