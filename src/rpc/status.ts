/** The codes of our failures as gRPC has them, and back. */
import { status, type ServiceError } from '@grpc/grpc-js';
import { RPC_ERRORS, RpcError, type RpcErrorCode } from '../std/index.ts';

/** The gRPC status number of a code. */
function statusOf(code: RpcErrorCode): status {
  return status[RPC_ERRORS[code].status];
}

const CODES = new Map<status, RpcErrorCode>(
  Object.entries(RPC_ERRORS).map(([code, row]) => [status[row.status], code as RpcErrorCode]),
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
