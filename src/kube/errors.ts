/** What goes wrong when talking to the API server, without the bodies and headers that may hold secrets. */

/** One cause of a refusal, as in `Status.details.causes`. */
export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

export interface KubeErrorFields {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Kubernetes reason (`NotFound`, `Conflict`, `Invalid`, `AlreadyExists`, …) or `Timeout` / `Unreachable`. */
  readonly reason: string;
  readonly message: string;
  readonly details?: StatusDetails;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** An answer of the API server that is not a success, or no answer at all (status 0). */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(fields: KubeErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.status = fields.status;
    this.reason = fields.reason;
    this.details = fields.details;
    this.retryAfterMs = fields.retryAfterMs;
  }
}

/** The object changed since it was read (409 Conflict), as opposed to 409 AlreadyExists. */
export function isConflict(error: unknown): error is KubeError {
  return error instanceof KubeError && error.status === 409 && error.reason !== 'AlreadyExists';
}

/** An object of that name is there already. */
export function isAlreadyExists(error: unknown): error is KubeError {
  return error instanceof KubeError && error.reason === 'AlreadyExists';
}

/** No such object, or no such resource type. */
export function isNotFound(error: unknown): error is KubeError {
  return error instanceof KubeError && error.status === 404;
}

/** A reconcile that can never succeed with the present input: logged and counted, not tried again until the object changes. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}
