/** The pool of TLS connections to one API server. */
import { Agent } from 'undici';

/** TCP keep-alive starts after this; a peer that vanished without a word is noticed about 10 s later. */
const KEEP_ALIVE_DELAY_MS = 30_000;
export const CONNECT_TIMEOUT_MS = 10_000;
/** Shorter than the 90 s after which kube-apiserver closes an idle connection. */
export const IDLE_CONNECTION_MS = 60_000;

export interface TlsOptions {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  pfx?: string | Buffer;
  passphrase?: string;
  rejectUnauthorized?: boolean;
  servername?: string;
}

/** Time-outs of bodies are the caller's: a quiet watch is not a dead one. */
export function pooledAgent(tls: TlsOptions): Agent {
  return new Agent({
    connect: {
      ...tls,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
      timeout: CONNECT_TIMEOUT_MS,
    },
    bodyTimeout: 0,
    keepAliveTimeout: IDLE_CONNECTION_MS,
    keepAliveMaxTimeout: IDLE_CONNECTION_MS,
  });
}
