/**
 * cert-manager as far as a cluster's certificates need it, at a real API server: the least of its definitions, and a controller that
 * treats CertificateRequests as its CA issuer does (names and key from the signing request, usages and duration from the spec).
 */
import { generateKeyPairSync } from 'node:crypto';
import {
  RESOURCES,
  type KubeClient,
  type KubeObject,
  type ResourceType,
} from '../../src/kube/index.ts';
import type { CertificateRequest } from '../../src/operator/core/index.ts';
import { CERTIFICATE_REQUESTS, ISSUERS } from '../../src/operator/issuer/resources.ts';
import {
  createCertificateAuthority,
  readSigningRequest,
  signCertificate,
  type KeyPair,
} from '../../src/security/index.ts';
import { eventually } from '../eventually.ts';

/** What an issuer may get wrong. */
export type Fault =
  | 'no-names'
  | 'other-names'
  | 'other-key'
  | 'other-authority'
  | 'no-authority'
  | 'denies'
  | 'invalid'
  | 'fails'
  | 'silent';

export interface StandIn {
  /** From now on another key signs. */
  rotate(): Promise<void>;
  fault: Fault | undefined;
  /** PEM. */
  authority(): string;
  stop(): Promise<void>;
}

const definition = (type: ResourceType): KubeObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: `${type.plural}.${type.group}`,
    // Groups below k8s.io and kubernetes.io are protected; this one is not.
  },
  spec: {
    group: type.group,
    scope: type.namespaced ? 'Namespaced' : 'Cluster',
    names: { kind: type.kind, plural: type.plural, singular: type.kind.toLowerCase() },
    versions: [
      {
        name: type.version,
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: type.kind === CERTIFICATE_REQUESTS.kind ? REQUEST_SPEC : ANYTHING,
              status: ANYTHING,
            },
          },
        },
      },
    ],
  },
});

const ANYTHING = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const text = { type: 'string' };
/** Of cert-manager.io/v1: a field that it does not have is refused. */
const REQUEST_SPEC = {
  type: 'object',
  required: ['issuerRef', 'request'],
  properties: {
    duration: text,
    isCA: { type: 'boolean' },
    issuerRef: {
      type: 'object',
      required: ['name'],
      properties: { name: text, kind: text, group: text },
    },
    request: { type: 'string', format: 'byte' },
    usages: { type: 'array', items: text },
  },
};

/** Installs the definitions, and waits until the API server serves them. */
export async function installDefinitions(client: KubeClient): Promise<void> {
  for (const type of [CERTIFICATE_REQUESTS, ISSUERS.Issuer, ISSUERS.ClusterIssuer]) {
    const crd = definition(type);
    await client.apply(RESOURCES.customResourceDefinitions, crd, { fieldManager: 'test' });
    await eventually(`${type.kind} to be served`, async () => {
      await client.list(type);
      return true;
    });
  }
}

/** An issuer in `namespace` that is ready, and the controller behind it. */
export async function startStandIn(
  client: KubeClient,
  namespace: string,
  name: string,
): Promise<StandIn> {
  const make = (): Promise<KeyPair> =>
    createCertificateAuthority({ commonName: name, validityDays: 365, now: new Date() });
  let authority = await make();
  let isOver = false;
  const ref = { namespace, name };
  const issuer = {
    apiVersion: 'cert-manager.io/v1',
    kind: 'Issuer',
    metadata: ref,
    spec: { ca: {} },
  };
  await client.create(ISSUERS.Issuer, issuer);
  const status = { conditions: [{ type: 'Ready', status: 'True', reason: 'KeyPairVerified' }] };
  await client.patch(ISSUERS.Issuer, ref, {
    type: 'merge',
    subresource: 'status',
    body: { status },
  });
  const standIn: StandIn = {
    fault: undefined,
    authority: () => authority.certificate,
    async rotate() {
      authority = await make();
    },
    async stop() {
      isOver = true;
      await done;
    },
  };
  const round = async (): Promise<void> => {
    const { items } = await client.list<CertificateRequest & KubeObject>(CERTIFICATE_REQUESTS, {
      namespace,
    });
    for (const request of items) {
      if (request.status?.conditions !== undefined || request.spec.issuerRef.name !== name)
        continue;
      const answer = await answerTo(request, authority, standIn.fault);
      if (answer === undefined) continue;
      const { name: of = '' } = request.metadata;
      const change = { type: 'merge', subresource: 'status', body: { status: answer } } as const;
      await client
        .patch(CERTIFICATE_REQUESTS, { namespace, name: of }, change)
        .catch(() => undefined);
    }
  };
  const done = (async () => {
    while (!isOver) await eventually('a round', () => round().then(() => true)).then(pause);
  })();
  return standIn;
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** The status of a request that has been dealt with; undefined while it is left alone. */
async function answerTo(
  { spec }: CertificateRequest & { readonly spec: { readonly duration?: string } },
  authority: KeyPair,
  fault: Fault | undefined,
): Promise<object | undefined> {
  const ready = (status: string, reason: string, message: string) => ({
    type: 'Ready',
    status,
    reason,
    message,
  });
  const approved = { type: 'Approved', status: 'True', reason: 'cert-manager.io' };
  const failureTime = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const denied = {
    type: 'Denied',
    status: 'True',
    reason: 'policy',
    message: 'no policy allows it',
  };
  const invalid = { type: 'InvalidRequest', status: 'True', reason: 'x', message: 'too long' };
  const failures: Partial<Record<Fault, readonly object[]>> = {
    denies: [denied, ready('False', 'Denied', 'was denied')],
    invalid: [approved, invalid, ready('False', 'Failed', 'invalid')],
    fails: [approved, ready('False', 'Failed', 'the vault is sealed')],
  };
  if (fault === 'silent') return undefined;
  const failed = fault && failures[fault];
  if (failed !== undefined) return { conditions: failed, failureTime };
  const { certificate, ca } = await sign(spec, authority, fault);
  const base64 = (pem: string): string => Buffer.from(pem).toString('base64');
  return {
    conditions: [approved, ready('True', 'Issued', 'Certificate fetched from issuer successfully')],
    certificate: base64(certificate),
    ...(fault === 'no-authority' ? {} : { ca: base64(ca) }),
  };
}

async function sign(
  { request, duration = '24h' }: { readonly request: string; readonly duration?: string },
  authority: KeyPair,
  fault: Fault | undefined,
): Promise<{ certificate: string; ca: string }> {
  const read = await readSigningRequest(Buffer.from(request, 'base64').toString('utf8'));
  if (read.kind === 'refused') throw new Error(read.reason);
  const { names, publicKey } = read.request;
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
  const otherKey = other.export({ type: 'spki', format: 'der' });
  const now = new Date();
  const certificate = await signCertificate(
    authority,
    fault === 'other-key' ? new Uint8Array(otherKey).buffer : publicKey,
    {
      commonName: '',
      dnsNames: fault === 'no-names' ? ['nobody.example.com'] : names.dnsNames,
      ipAddresses: [],
      uris:
        fault === 'no-names'
          ? []
          : [...names.uris, ...(fault === 'other-names' ? ['mcpcluster://x/operator'] : [])],
      validityDays: Number(duration.replace(/s$/, '')) / 86_400,
      now,
    },
  );
  const foreign = { commonName: 'other', validityDays: 1, now };
  const other2 =
    fault === 'other-authority' ? await createCertificateAuthority(foreign) : authority;
  return { certificate, ca: other2.certificate };
}
