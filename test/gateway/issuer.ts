/** An issuer of JSON web tokens on loopback: its keys can be changed and its endpoint broken. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

export const AUDIENCE = 'https://mcp.test/mcp';

/** `nowS`: the instant tokens are made at, in seconds. */
export async function startIssuer(nowS: () => number): Promise<Issuer> {
  let fetches = 0;
  let key: CryptoKey;
  let published: JWK;
  const server = createServer((_request, response) => {
    fetches += 1;
    if (issuer.status !== undefined) {
      response.writeHead(issuer.status).end();
      return;
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys: [published] }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
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
