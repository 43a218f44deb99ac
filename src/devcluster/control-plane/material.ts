/** Certificates, the service-account key pair and the kubeconfig of a control plane on loopback. */
import { generateKeyPair } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  createCertificateAuthority,
  issueCertificate,
  type KeyPair,
} from '../../security/index.ts';
import { encodeBase64 } from '../../std/index.ts';

const VALIDITY_DAYS = 365;

/** Who passes requests on to extension API servers. */
export const FRONT_PROXY_NAME = 'front-proxy-client';

/** The PEM texts that a client or a node of this control plane may need. */
export interface ControlPlaneTls {
  readonly authority: KeyPair;
  /** Client certificate in the group system:masters. */
  readonly admin: KeyPair;
}

/** Paths of the files given to the programs. */
export interface MaterialFiles {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly adminCert: string;
  readonly adminKey: string;
  readonly frontProxyCa: string;
  readonly frontProxyCert: string;
  readonly frontProxyKey: string;
  readonly serviceAccountKey: string;
  readonly serviceAccountPublicKey: string;
}

export interface Material {
  readonly tls: ControlPlaneTls;
  readonly files: MaterialFiles;
}

/** Makes everything anew in `directory`. `serviceAddress` is the ClusterIP of the Service `kubernetes`. */
export async function createMaterial(
  directory: string,
  options: { readonly serviceAddress: string; readonly now: Date },
): Promise<Material> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const validity = { validityDays: VALIDITY_DAYS, now: options.now };
  const authority = await createCertificateAuthority({ commonName: 'dev-cluster', ...validity });
  // Not the authority of clients: whoever holds a certificate of this one may speak for anybody.
  const proxies = await createCertificateAuthority({ commonName: 'front-proxy', ...validity });
  const [server, admin, frontProxy, serviceAccount] = await Promise.all([
    issueCertificate(authority, {
      commonName: 'kube-apiserver',
      dnsNames: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
      ipAddresses: ['127.0.0.1', options.serviceAddress],
      uris: [],
      ...validity,
    }),
    issueCertificate(authority, {
      commonName: 'dev-cluster-admin',
      organizations: ['system:masters'],
      dnsNames: [],
      ipAddresses: [],
      uris: [],
      ...validity,
    }),
    issueCertificate(proxies, {
      commonName: FRONT_PROXY_NAME,
      dnsNames: [],
      ipAddresses: [],
      uris: [],
      ...validity,
    }),
    promisify(generateKeyPair)('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    }),
  ]);
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  return {
    tls: { authority, admin },
    files: {
      ca: await file('ca.crt', authority.certificate),
      serverCert: await file('server.crt', server.certificate),
      serverKey: await file('server.key', server.key),
      adminCert: await file('admin.crt', admin.certificate),
      adminKey: await file('admin.key', admin.key),
      frontProxyCa: await file('front-proxy-ca.crt', proxies.certificate),
      frontProxyCert: await file('front-proxy.crt', frontProxy.certificate),
      frontProxyKey: await file('front-proxy.key', frontProxy.key),
      serviceAccountKey: await file('service-account.key', serviceAccount.privateKey),
      serviceAccountPublicKey: await file('service-account.pub', serviceAccount.publicKey),
    },
  };
}

/** A kubeconfig with everything inline, as JSON (which is YAML). */
export function kubeconfigText(url: string, tls: ControlPlaneTls): string {
  const name = 'dev-cluster';
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: {
          server: url,
          'certificate-authority-data': encodeBase64(tls.authority.certificate),
        },
      },
    ],
    users: [
      {
        name,
        user: {
          'client-certificate-data': encodeBase64(tls.admin.certificate),
          'client-key-data': encodeBase64(tls.admin.key),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
    'current-context': name,
  });
}
