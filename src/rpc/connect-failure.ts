/** Why there is no connection, from what the libraries below say about it. */
import type { ConnectFailure } from '../std/index.ts';

const CONNECT_FAILURES: readonly (readonly [RegExp, ConnectFailure])[] = [
  [/ECONNREFUSED/, 'refused'],
  [/ECONNRESET|EPIPE|socket hang up|Socket closed|Connection closed/i, 'reset'],
  [/EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL/, 'unreachable'],
  [/ENOTFOUND|EAI_AGAIN/, 'unresolved'],
  [/ETIMEDOUT|timed out/i, 'timeout'],
  [/certificate|SSL|TLS|alert|cluster/i, 'tls'],
];

/** Classifies the text of a connection error; grpc-js keeps no more of it than the text. */
export function connectFailure(text: string): ConnectFailure {
  return CONNECT_FAILURES.find(([pattern]) => pattern.test(text))?.[1] ?? 'other';
}
