/** The catalogue of call failures and their gRPC status. */
import { status, type ServiceError } from '@grpc/grpc-js';

/** Each code with its gRPC status number and whether the same call may be tried again as it is. */
const CATALOGUE = {
  cancelled: { status: status.CANCELLED, retryable: false },
  unknown: { status: status.UNKNOWN, retryable: false },
  'invalid-argument': { status: status.INVALID_ARGUMENT, retryable: false },
  'deadline-exceeded': { status: status.DEADLINE_EXCEEDED, retryable: true },
  'not-found': { status: status.NOT_FOUND, retryable: false },
  'already-exists': { status: status.ALREADY_EXISTS, retryable: false },
  'permission-denied': { status: status.PERMISSION_DENIED, retryable: false },
  'resource-exhausted': { status: status.RESOURCE_EXHAUSTED, retryable: true },
  'failed-precondition': { status: status.FAILED_PRECONDITION, retryable: false },
  aborted: { status: status.ABORTED, retryable: true },
  'out-of-range': { status: status.OUT_OF_RANGE, retryable: false },
  unimplemented: { status: status.UNIMPLEMENTED, retryable: false },
  internal: { status: status.INTERNAL, retryable: false },
  unavailable: { status: status.UNAVAILABLE, retryable: true },
  'data-loss': { status: status.DATA_LOSS, retryable: false },
  unauthenticated: { status: status.UNAUTHENTICATED, retryable: false },
} as const;

export type RpcErrorCode = keyof typeof CATALOGUE;

/**
 * Why there is no connection: `refused` proves that no process listens at the address; `reset` that one died or closed;
 * `tls` that the other side is not a member of this cluster; the rest proves nothing.
 */
export type ConnectFailure =
  'refused' | 'reset' | 'unreachable' | 'unresolved' | 'timeout' | 'tls' | 'closed' | 'other';

/** A failed call. `connection` is set when the call failed because there was no connection, so it was never sent. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: RpcErrorCode;
  readonly connection: ConnectFailure | undefined;

  constructor(code: RpcErrorCode, message: string, connection?: ConnectFailure) {
    super(message);
    this.code = code;
    this.connection = connection;
  }

  get retryable(): boolean {
    return CATALOGUE[this.code].retryable;
  }
}

/** The gRPC status number of a code. */
export function statusOf(code: RpcErrorCode): status {
  return CATALOGUE[code].status;
}

const CODES = new Map<status, RpcErrorCode>(
  Object.entries(CATALOGUE).map(([code, row]) => [row.status, code as RpcErrorCode]),
);

/** What a failed grpc-js call looks like to our callers. */
export function fromServiceError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const { code, details, message } = error as Partial<ServiceError>;
  return new RpcError(
    CODES.get(code ?? status.UNKNOWN) ?? 'unknown',
    details ?? message ?? String(error),
  );
}

/** What a failed handler looks like on the wire: only our own errors show their message to the caller. */
export function toServiceError(error: unknown): { code: status; details: string } {
  if (error instanceof RpcError) return { code: statusOf(error.code), details: error.message };
  return { code: status.INTERNAL, details: 'internal error' };
}

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
