/**
 * `POST /certificates`: a pod shows its token and a request, and gets the certificate that is its own. Any operator answers, whoever
 * leads. Each request ends in the log, marked as audit: to whom what was given, with which serial number, until when; or why not.
 */
import { KubeError, type KubeClient } from '../../kube/index.ts';
import {
  certificateExpiry,
  readSigningRequest,
  serialNumberOf,
  SIGNING_REQUEST_BYTES_MAX,
} from '../../security/index.ts';
import { timeText, type Clock } from '../../std/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import {
  problem,
  type ServingAnswer,
  type ServingRequest,
  type ServingRoute,
} from '../serving/listener.ts';
import { createRateLimit } from './rate-limit.ts';
import type { AskingPod, RefusedPods } from './refused-pods.ts';
import { Refused } from './refusals.ts';
import type { CertificateSigner } from './signer.ts';
import { asksForItsNames, podSubject } from './subjects.ts';
import { ownerOfToken } from './token-owner.ts';

export interface CertificateRouteOptions {
  /** Must work without the Lease. */
  readonly client: KubeClient;
  readonly signer: CertificateSigner;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Told of each answer to a pod that is known. */
  readonly refusedPods: RefusedPods;
}

/** What a pod is given. */
export interface IssuedCertificate {
  /** PEM: the leaf first. */
  readonly certificate: string;
  /** PEM: whom the members of the cluster trust. */
  readonly trusted: string;
  /** When to ask for the next one: RFC 3339. */
  readonly renewAfter: string;
}

export const CERTIFICATES_PATH = '/certificates';
/** Requests that are looked at at once; each asks the API server four times. */
const REQUESTS_MAX = 64;
/** A pod that repeats a request each two seconds while an issuer works is not refused. */
const PER_POD = { requestsMax: 40, windowMs: 60_000, podsMax: 10_000 };
const RETRY_SECONDS = '2';
/** A kubelet's tokens are about a thousand characters long. */
const TOKEN_CHARACTERS_MAX = 16_384;

export function createCertificateRoute(options: CertificateRouteOptions): ServingRoute {
  const { clock, logger, refusedPods } = options;
  const requests = options.metrics.counter(
    'mcp_operator_certificate_requests_total',
    'Certificates that pods asked for, by role (empty when nobody knows) and result.',
    ['role', 'result'],
  );
  requests.inc({ role: 'member', result: 'issued' }, 0);
  const mayAsk = createRateLimit(PER_POD, clock);
  let underWay = 0;
  return {
    bodyBytesMax: SIGNING_REQUEST_BYTES_MAX,
    async answer(request, body) {
      const seen: Seen = {};
      underWay += 1;
      try {
        if (underWay > REQUESTS_MAX) throw new Refused('busy');
        const issued = await issue(request, body.toString('latin1'), { ...options, mayAsk }, seen);
        requests.inc({ role: seen.who?.role ?? '', result: 'issued' });
        if (seen.who !== undefined) refusedPods.given(seen.who);
        return { status: 200, body: issued };
      } catch (error) {
        const refused = asRefused(error);
        const { code, message } = refused ?? { code: 'failed', message: (error as Error).message };
        requests.inc({ role: seen.who?.role ?? '', result: code });
        logger.warn('certificate not issued', {
          ...{ audit: true, ...seen.who, remote: request.remote },
          ...{ code, reason: message },
        });
        if (refused === undefined) throw error;
        if (seen.who !== undefined) refusedPods.refused(seen.who, refused);
        return refusal(refused);
      } finally {
        underWay -= 1;
      }
    },
  };
}

/** Who asks, once that is known. */
interface Seen {
  who?: AskingPod & { readonly pod: string; readonly role: string };
}

async function issue(
  { headers, signal, remote }: ServingRequest,
  pem: string,
  tools: CertificateRouteOptions & { readonly mayAsk: (uid: string) => boolean },
  seen: Seen,
): Promise<IssuedCertificate> {
  const { cluster, pod } = await ownerOfToken(tokenIn(headers.authorization), tools.client, signal);
  const { namespace, name } = cluster.metadata;
  seen.who = { namespace, cluster: name, pod: pod.name, podUid: pod.uid, role: pod.role };
  if (!tools.mayAsk(pod.uid)) throw new Refused('rate-limited');
  const read = await readSigningRequest(pem);
  if (read.kind === 'refused') throw new Refused('request-malformed', read.reason);
  const subject = podSubject(cluster, pod);
  if (!asksForItsNames(read.request.names, subject)) {
    throw new Refused('names-refused', [...subject.uris, ...subject.dnsNames].join(' '));
  }
  const outcome = await tools.signer.sign(read.request, subject, signal);
  if (outcome.kind === 'pending') throw new Refused('certificate-pending', outcome.message);
  if (outcome.kind === 'refused') throw new Refused('signer-refused', outcome.message);
  const { certificate, trusted, renewAfter } = outcome;
  tools.logger.info('certificate issued', {
    audit: true,
    ...seen.who,
    remote,
    serial: serialNumberOf(certificate),
    until: timeText(certificateExpiry(certificate).getTime()),
  });
  return { certificate, trusted, renewAfter: timeText(renewAfter) };
}

function tokenIn(authorization = ''): string {
  const token = /^Bearer ([\w.~+/=-]+)$/.exec(authorization)?.[1];
  if (token === undefined || token.length > TOKEN_CHARACTERS_MAX) {
    throw new Refused('token-missing');
  }
  return token;
}

/** Undefined for a fault of ours. */
function asRefused(error: unknown): Refused | undefined {
  if (error instanceof Refused) return error;
  // The text of the API server stays in the log of the operator: it may speak of what the pod must not know.
  if (error instanceof KubeError) return new Refused('unavailable', `status ${error.status}`);
  return undefined;
}

function refusal({ status, code, message }: Refused): ServingAnswer {
  const answer = problem(status, code, message);
  return status === 503 || status === 429
    ? { ...answer, headers: { 'retry-after': RETRY_SECONDS } }
    : answer;
}
