/** An issuer of JSON web tokens on loopback: its keys can be changed and its endpoint broken. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createCertificateAuthority, issueCertificate } from '../../src/security/index.ts';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';

export interface Issuer {
  readonly url: string;
  readonly jwksUri: string;
  /** How often the keys were asked for. */
  readonly fetches: number;
  /** Answers this status instead of the keys; undefined: the keys. */
  status: number | undefined;
  /** Takes a new key into use; the old one is published no more. */
  rotate(kid: string): Promise<void>;
  /** A token of `subject` with the current key; `claims` win over what is usual. */
  sign(
    subject: string,
    claims?: Record<string, unknown>,
    header?: Record<string, unknown>,
  ): Promise<string>;
  stop(): Promise<void>;
}

/** A certificate for an address of this machine, signed by an authority that nobody knows. */
export async function localCertificate(
  address: string,
): Promise<{ readonly ca: string; readonly key: string; readonly cert: string }> {
  const common = { validityDays: 1, now: new Date() };
  const authority = await createCertificateAuthority({ commonName: 'authority', ...common });
  const leaf = await issueCertificate(authority, {
    ...common,
    commonName: 'issuer',
    dnsNames: [],
    ipAddresses: [address],
    uris: [],
  });
  return { ca: authority.certificate, key: leaf.key, cert: leaf.certificate };
}

export const AUDIENCE = 'https://mcp.test/mcp';

export interface IssuerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** With it the keys are served by https. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** `nowS`: the instant tokens are made at, in seconds. */
export async function startIssuer(
  nowS: () => number,
  { host = '127.0.0.1', tls }: IssuerOptions = {},
): Promise<Issuer> {
  let fetches = 0;
  let key: CryptoKey;
  let published: JWK;
  const answer: RequestListener = (_request, response) => {
    fetches += 1;
    if (issuer.status !== undefined) {
      response.writeHead(issuer.status).end();
      return;
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys: [published] }));
  };
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  server.listen(0, host);
  await once(server, 'listening');
  const scheme = tls === undefined ? 'http' : 'https';
  const url = `${scheme}://${host}:${(server.address() as AddressInfo).port}`;
  const issuer: Issuer & { status: number | undefined } = {
    url,
    jwksUri: `${url}/jwks`,
    get fetches() {
      return fetches;
    },
    status: undefined,
    async rotate(kid) {
      const pair = await generateKeyPair('ES256');
      key = pair.privateKey;
      published = { ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256', use: 'sig' };
    },
    sign(subject, claims = {}, header = {}) {
      const all = { iss: url, aud: AUDIENCE, sub: subject, exp: nowS() + 300, ...claims };
      return new SignJWT(all)
        .setProtectedHeader({ alg: 'ES256', kid: published.kid ?? '', ...header })
        .sign(key);
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close').catch(() => undefined);
    },
  };
  await issuer.rotate('first');
  return issuer;
}
