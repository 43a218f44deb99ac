/** Connections to one API server, kept for the next request. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { createSecureContext } from 'node:tls';

/** Shorter than the 90 s after which kube-apiserver closes an idle connection. */
const IDLE_CONNECTION_MS = 60_000;

/** What a connection is proved with, as `node:tls` names it. */
export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly pfx?: string | Buffer;
  readonly passphrase?: string;
  readonly rejectUnauthorized?: boolean;
  readonly servername?: string;
}

export interface ConnectionPool {
  /** Connections made with this material; those made with other material are not used again. Throws once it is closed. */
  agent(tls: TlsMaterial): HttpAgent;
  /** Cuts every connection. */
  close(): void;
}

/** `proxy`: URL of an HTTP proxy on the way to `server`. Time-outs of requests are the caller's: a quiet watch is not a dead one. */
export function createConnectionPool(server: string, proxy?: string): ConnectionPool {
  let current: { readonly key: string; readonly agent: HttpAgent } | undefined;
  let isClosed = false;
  return {
    agent(tls) {
      if (isClosed) throw new Error('the connections to the API server are closed');
      const key = keyOf(tls);
      // Watches under way on the old material end by themselves, and idle connections after their time.
      if (current?.key !== key) current = { key, agent: createAgent(server, tls, proxy) };
      return current.agent;
    },
    close() {
      isClosed = true;
      current?.agent.destroy();
    },
  };
}

function createAgent(server: string, tls: TlsMaterial, proxy: string | undefined): HttpAgent {
  const options = {
    keepAlive: true,
    timeout: IDLE_CONNECTION_MS,
    ...(proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } }),
  };
  return server.startsWith('http:')
    ? new HttpAgent(options)
    : // Certificates are parsed once, not for each connection.
      new HttpsAgent({ ...tls, ...options, secureContext: createSecureContext(tls) });
}

function keyOf(tls: TlsMaterial): string {
  return [tls.ca, tls.cert, tls.key, tls.pfx, tls.passphrase, tls.servername]
    .map((part) => part?.toString('latin1') ?? '')
    .concat(String(tls.rejectUnauthorized))
    .join('\0');
}
