/**
 * What is asked of an issuer of cert-manager, and what it answers: a CertificateRequest for each signing request of a pod, named
 * after what it asks for, so that whoever asks again finds the answer (cert-manager.io/v1, cert-manager's API reference).
 */
import { objectLabels, type McpCluster } from '../../api/index.ts';
import { fingerprint } from './hash.ts';
import type { AnyObject, DesiredObject, Owner } from './shapes.ts';

/** On a CertificateRequest: who is to have the certificate; the value is the name in the subject. */
export const CERTIFICATE_OF_LABEL = 'mcpcluster.io/certificate-of';
export const CERT_MANAGER = { group: 'cert-manager.io', version: 'v1' } as const;
/** `PEM`, each block of it. */
const USAGES = ['digital signature', 'server auth', 'client auth'] as const;
const NAME_LENGTH_MAX = 253;

export type IssuerRef = NonNullable<McpCluster['spec']['tls']['issuerRef']>;

/** Whose certificate is asked for. */
export interface RequestSubject {
  readonly cluster: McpCluster;
  /** A label value: the name of the pod, or `operator`. */
  readonly name: string;
  /** With whom the request goes: the pod, or the McpCluster. */
  readonly owner: Owner;
  /** How long the certificate is to be valid. */
  readonly lastsMs: number;
}

interface RequestCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface CertificateRequest extends AnyObject {
  readonly spec: {
    /** Base64 of the PKCS #10 request in PEM. */
    readonly request: string;
    readonly issuerRef: IssuerRef;
  };
  readonly status?: {
    readonly conditions?: readonly RequestCondition[];
    /** Base64 of a PEM chain, the leaf first. */
    readonly certificate?: string;
    /** Base64 of PEM: who signed, as far as the issuer knows. */
    readonly ca?: string;
    readonly failureTime?: string;
  };
}

/** The request for `csr`, which is in base64; the same one has the same name. */
export function certificateRequest(
  { cluster, name, owner, lastsMs }: RequestSubject,
  issuerRef: IssuerRef,
  csr: string,
): DesiredObject & CertificateRequest {
  const { namespace, name: of } = cluster.metadata;
  const suffix = `-${fingerprint({ csr, issuerRef })}`;
  const prefix = name.startsWith(of) ? name : `${of}-${name}`;
  return {
    apiVersion: `${CERT_MANAGER.group}/${CERT_MANAGER.version}`,
    kind: 'CertificateRequest',
    metadata: {
      name: `${prefix.slice(0, NAME_LENGTH_MAX - suffix.length)}${suffix}`,
      namespace,
      labels: { ...objectLabels(of), [CERTIFICATE_OF_LABEL]: name },
      ownerReferences: [owner],
    },
    spec: {
      request: csr,
      issuerRef,
      duration: `${Math.floor(lastsMs / 1_000)}s`,
      usages: [...USAGES],
      isCA: false,
    } as CertificateRequest['spec'],
  };
}

export type RequestState =
  | { readonly kind: 'issued'; readonly certificate: string; readonly ca: string }
  | { readonly kind: 'pending'; readonly message: string }
  | RequestRefusal;

export interface RequestRefusal {
  readonly kind: 'refused';
  readonly reason: 'CertificateDenied' | 'CertificateRefused';
  /** Names the field and what the issuer said. */
  readonly message: string;
}

const FIELD = 'spec.tls.issuerRef';

/** How far a request is, by its conditions; what is issued is in base64 and has not been looked at. */
export function requestState({ spec, status, metadata }: CertificateRequest): RequestState {
  const { kind, name } = spec.issuerRef;
  const of = (type: string): RequestCondition | undefined =>
    status?.conditions?.find((condition) => condition.type === type);
  const refused = (
    reason: RequestRefusal['reason'],
    verb: string,
    { message = 'no reason given' }: RequestCondition,
    advice: string,
  ): RequestRefusal => ({
    kind: 'refused',
    reason,
    message: `${FIELD}: ${kind} ${name} ${verb} CertificateRequest ${metadata.name}: ${message}; ${advice}`,
  });
  const [denied, invalid, ready] = [of('Denied'), of('InvalidRequest'), of('Ready')];
  if (denied?.status === 'True' || ready?.reason === 'Denied') {
    const advice = 'let the policy of the approver allow it';
    return refused('CertificateDenied', 'was not asked for', denied ?? ready ?? NOTHING, advice);
  }
  if (invalid?.status === 'True') {
    const advice = 'choose an issuer that signs for these names and this duration';
    return refused('CertificateRefused', 'did not take', invalid, advice);
  }
  if (ready?.status === 'False' && ready.reason === 'Failed') {
    const advice = 'mend the issuer; the request is made again after a minute';
    return refused('CertificateRefused', 'could not sign', ready, advice);
  }
  const { certificate, ca } = status ?? {};
  if (ready?.status === 'True' && certificate !== undefined) {
    return { kind: 'issued', certificate, ca: ca ?? '' };
  }
  const waits =
    ready?.message ?? (of('Approved') === undefined ? 'not approved yet' : 'not signed');
  return {
    kind: 'pending',
    message: `${FIELD}: CertificateRequest ${metadata.name} waits for ${kind} ${name}: ${waits}`,
  };
}

const NOTHING: RequestCondition = { type: '', status: '' };
