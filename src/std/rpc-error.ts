/** How a call between our processes fails. Apart from gRPC, so that who only tells failures apart need not load it. */

/** Each code with its gRPC status and whether the same call may be tried again as it is. */
export const RPC_ERRORS = {
  cancelled: { status: 'CANCELLED', retryable: false },
  unknown: { status: 'UNKNOWN', retryable: false },
  'invalid-argument': { status: 'INVALID_ARGUMENT', retryable: false },
  'deadline-exceeded': { status: 'DEADLINE_EXCEEDED', retryable: true },
  'not-found': { status: 'NOT_FOUND', retryable: false },
  'already-exists': { status: 'ALREADY_EXISTS', retryable: false },
  'permission-denied': { status: 'PERMISSION_DENIED', retryable: false },
  'resource-exhausted': { status: 'RESOURCE_EXHAUSTED', retryable: true },
  'failed-precondition': { status: 'FAILED_PRECONDITION', retryable: false },
  aborted: { status: 'ABORTED', retryable: true },
  'out-of-range': { status: 'OUT_OF_RANGE', retryable: false },
  unimplemented: { status: 'UNIMPLEMENTED', retryable: false },
  internal: { status: 'INTERNAL', retryable: false },
  unavailable: { status: 'UNAVAILABLE', retryable: true },
  'data-loss': { status: 'DATA_LOSS', retryable: false },
  unauthenticated: { status: 'UNAUTHENTICATED', retryable: false },
} as const;

export type RpcErrorCode = keyof typeof RPC_ERRORS;

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
    return RPC_ERRORS[this.code].retryable;
  }
}
