/**
 * Certificates from an issuer of cert-manager: a CertificateRequest is made, its end awaited for a while, and what came of it is
 * checked before anybody gets it. Whoever asks again with the same signing request finds the same CertificateRequest, so
 * nothing is kept in memory, and any replica of the operator may answer.
 */
import { isAlreadyExists, KubeError, type KubeClient } from '../../kube/index.ts';
import { decodeBase64, delay, encodeBase64, type Clock } from '../../std/index.ts';
import {
  CERTIFICATE_OF_LABEL,
  certificateRequest,
  NOT_INSTALLED,
  requestState,
  type CertificateRequest,
  type IssuerRef,
  type RequestSubject,
} from '../core/index.ts';
import { CLUSTER_LABEL, selectorText } from '../../api/index.ts';
import { issuedProblem, type Asked } from './issued.ts';
import { CERTIFICATE_REQUESTS } from './resources.ts';

/** A pod that asks is kept waiting no longer for an issuer, and asks again. */
export const WAIT_MAX_MS = 5_000;
const POLL_MS = 200;
/** After this a request that was refused is made anew: the issuer, or its approver, may have been mended. */
const REFUSED_MS = 60_000;

/** A signing request whose signature was checked. */
export interface CheckedRequest extends Asked {
  readonly pem: string;
}

export type IssuerOutcome =
  /** PEM: the chain with the leaf first, and who signed it. */
  | { readonly kind: 'issued'; readonly certificate: string; readonly ca: string }
  /** Not yet: ask again with the same request. */
  | { readonly kind: 'pending'; readonly message: string }
  | { readonly kind: 'refused'; readonly reason: IssuerProblem; readonly message: string };

export type IssuerProblem =
  | 'CertificateDenied'
  | 'CertificateRefused'
  | 'CertificateUnusable'
  | 'IssuerNotInstalled'
  | 'IssuerForbidden';

/** Rejects with what the API server said when that may pass by itself. */
export async function askIssuer(
  subject: RequestSubject & { readonly issuerRef: IssuerRef; readonly waitMs: number },
  request: CheckedRequest,
  { client, clock }: { readonly client: KubeClient; readonly clock: Clock },
  signal?: AbortSignal,
): Promise<IssuerOutcome> {
  const csr = encodeBase64(request.pem);
  const wanted = certificateRequest(subject, subject.issuerRef, csr);
  const { namespace, name } = wanted.metadata;
  const until = clock.monotonic() + subject.waitMs;
  try {
    let found = await client.get<CertificateRequest>(CERTIFICATE_REQUESTS, { namespace, name });
    if (found === undefined) {
      await forgetOthers(wanted, client);
      found = await create(wanted, client);
    }
    for (;;) {
      const state = outcomeOf(found, request, clock.wall());
      if (state.kind === 'issued') await forgetOthers(wanted, client);
      if (state.kind === 'refused') await forgetRefused(found, { client, clock });
      if (state.kind !== 'pending' || clock.monotonic() >= until) return state;
      await delay(clock, POLL_MS, signal);
      // Deleted meanwhile: who asks again has it made again.
      const next = await client.get<CertificateRequest>(CERTIFICATE_REQUESTS, { namespace, name });
      if (next === undefined) return state;
      found = next;
    }
  } catch (error) {
    const outcome = error instanceof KubeError ? refusalOf(error) : undefined;
    if (outcome === undefined) throw error;
    return outcome;
  }
}

/** What came of a request: as its conditions say, and nothing that is not what was asked for. */
export function outcomeOf(found: CertificateRequest, asked: Asked, now: number): IssuerOutcome {
  const state = requestState(found);
  if (state.kind !== 'issued') return state;
  const issued = { certificate: decoded(state.certificate), ca: decoded(state.ca) };
  const problem = issuedProblem(issued, asked, now);
  if (problem === undefined) return { kind: 'issued', ...issued };
  const { kind, name } = found.spec.issuerRef;
  return {
    kind: 'refused',
    reason: 'CertificateUnusable',
    message: `spec.tls.issuerRef: what ${kind} ${name} gave for CertificateRequest ${found.metadata.name} is not used: ${problem}`,
  };
}

function decoded(text: string): string {
  const pem = decodeBase64(text).trim();
  return pem === '' ? '' : `${pem}\n`;
}

async function create(
  wanted: CertificateRequest & { metadata: { readonly name: string; readonly namespace: string } },
  client: KubeClient,
): Promise<CertificateRequest> {
  try {
    return await client.create<CertificateRequest>(CERTIFICATE_REQUESTS, wanted);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const { namespace, name } = wanted.metadata;
    return (
      (await client.get<CertificateRequest>(CERTIFICATE_REQUESTS, { namespace, name })) ?? wanted
    );
  }
}

/** One request is kept for each pod, for people to look at: the one that counts. */
async function forgetOthers({ metadata }: CertificateRequest, client: KubeClient): Promise<void> {
  const { namespace = '', labels = {} } = metadata;
  const labelSelector = selectorText({
    [CLUSTER_LABEL]: labels[CLUSTER_LABEL] ?? '',
    [CERTIFICATE_OF_LABEL]: labels[CERTIFICATE_OF_LABEL] ?? '',
  });
  const { items } = await client.list(CERTIFICATE_REQUESTS, { namespace, labelSelector });
  for (const { metadata: other } of items) {
    if (other.name === undefined || other.name === metadata.name) continue;
    await client.delete(CERTIFICATE_REQUESTS, { namespace, name: other.name });
  }
}

async function forgetRefused(
  { metadata, status }: CertificateRequest,
  { client, clock }: { readonly client: KubeClient; readonly clock: Clock },
): Promise<void> {
  const { namespace = '', name = '', uid, creationTimestamp = '' } = metadata;
  const since = Date.parse(status?.failureTime ?? creationTimestamp);
  if (!(clock.wall() - since >= REFUSED_MS)) return;
  const preconditions = uid === undefined ? {} : { preconditions: { uid } };
  await client.delete(CERTIFICATE_REQUESTS, { namespace, name }, preconditions);
}

/** Undefined for what may pass by itself. */
function refusalOf({ status, message }: KubeError): IssuerOutcome | undefined {
  const field = 'spec.tls.issuerRef';
  if (status === 404) {
    return { kind: 'refused', reason: 'IssuerNotInstalled', message: NOT_INSTALLED };
  }
  if (status === 403) {
    return {
      kind: 'refused',
      reason: 'IssuerForbidden',
      message: `${field}: the operator may not make CertificateRequests (${message}); install its chart with certManager.enabled=true`,
    };
  }
  if (status !== 400 && status !== 422) return undefined;
  return { kind: 'refused', reason: 'CertificateRefused', message: `${field}: ${message}` };
}
