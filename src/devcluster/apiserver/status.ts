/** Refusals as the real API server words them: every failure leaves as a `Status` body. */
import type { StatusCause, StatusDetails } from '../../kube/index.ts';
import { invalidMessage, type FieldProblem } from '../schema/index.ts';

/** `metav1.Status`. */
export interface StatusBody {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
}

/** The resource a refusal speaks of. */
export interface Target {
  readonly group: string;
  /** Plural name. */
  readonly plural: string;
  readonly kind: string;
}

/** A refusal on its way to the client; thrown anywhere in a handler, answered in one place. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly body: StatusBody;

  constructor(body: StatusBody) {
    super(body.message ?? body.reason ?? 'failure');
    this.body = body;
  }
}

function failure(code: number, reason: string, message: string, details?: StatusDetails): ApiError {
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details && { details }),
    code,
  });
}

/** `pods`, `statefulsets.apps`. */
const qualified = (target: Target): string =>
  target.group === '' ? target.plural : `${target.plural}.${target.group}`;

const detailsOf = (target: Target, name: string): StatusDetails => ({
  ...(name !== '' && { name }),
  ...(target.group !== '' && { group: target.group }),
  kind: target.plural,
});

export const badRequest = (message: string): ApiError => failure(400, 'BadRequest', message);

export const unauthorized = (): ApiError => failure(401, 'Unauthorized', 'Unauthorized');

export function forbidden(
  target: Target,
  name: string,
  message: string,
  causes?: readonly StatusCause[],
): ApiError {
  return failure(
    403,
    'Forbidden',
    `${qualified(target)} ${name === '' ? '' : `"${name}" `}is forbidden: ${message}`,
    {
      ...detailsOf(target, name),
      ...(causes && { causes }),
    },
  );
}

export const notFound = (target: Target, name: string): ApiError =>
  failure(404, 'NotFound', `${qualified(target)} "${name}" not found`, detailsOf(target, name));

/** What the real server says when a path names no resource of a known group version. */
export const unknownResource = (): ApiError =>
  failure(404, 'NotFound', 'the server could not find the requested resource', {});

export const methodNotAllowed = (): ApiError =>
  failure(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );

export const notAcceptable = (accepted: readonly string[]): ApiError =>
  failure(
    406,
    'NotAcceptable',
    `only the following media types are accepted: ${accepted.join(', ')}`,
  );

export const alreadyExists = (target: Target, name: string): ApiError =>
  failure(
    409,
    'AlreadyExists',
    `${qualified(target)} "${name}" already exists`,
    detailsOf(target, name),
  );

export const conflict = (target: Target, name: string, message: string): ApiError =>
  failure(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(target)} "${name}": ${message}`,
    detailsOf(target, name),
  );

export const modified = (target: Target, name: string): ApiError =>
  conflict(
    target,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );

/** Server-side apply met fields of other managers. */
export const applyConflict = (
  message: string,
  conflicts: readonly { field: string; message: string }[],
): ApiError =>
  failure(409, 'Conflict', message, {
    causes: conflicts.map((one) => ({
      reason: 'FieldManagerConflict',
      message: one.message,
      field: one.field,
    })),
  });

/** The list or watch asks for a revision that is no longer remembered. */
export const expired = (message: string, metadata: Record<string, unknown> = {}): ApiError =>
  new ApiError({ ...failure(410, 'Expired', message).body, metadata });

export const tooLarge = (bytesMax: number): ApiError =>
  failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${bytesMax}`);

export const unsupportedMediaType = (accepted: readonly string[]): ApiError =>
  failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );

/** The built-in resources refuse unknown patches in other words than custom resources. */
export const unsupportedPatchType = (): ApiError =>
  failure(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});

/** A failure that the real server does not classify. */
export const unclassified = (message: string): ApiError =>
  new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    code: 500,
  });

/** 422: a query parameter or a member of the options has a value that is none. */
export function invalidOption(
  options: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions',
  field: string,
  message: string,
): ApiError {
  return invalid({ group: 'meta.k8s.io', kind: options }, '', [
    { field, reason: 'FieldValueNotSupported', message },
  ]);
}

/** 422: the object breaks rules; one cause a problem. */
export function invalid(
  target: { group: string; kind: string },
  name: string,
  problems: readonly FieldProblem[],
): ApiError {
  return failure(422, 'Invalid', invalidMessage({ ...target, name }, problems), {
    ...(name !== '' && { name }),
    ...(target.group !== '' && { group: target.group }),
    ...(target.kind !== '' && { kind: target.kind }),
    causes: problems.map((problem) => ({
      reason: problem.reason,
      message: problem.message,
      ...(problem.field !== '' && { field: problem.field }),
    })),
  });
}

export const tooManyRequests = (message: string, causes?: readonly StatusCause[]): ApiError =>
  failure(429, 'TooManyRequests', message, causes && { causes });

export const internalError = (message: string): ApiError =>
  failure(500, 'InternalError', `Internal error occurred: ${message}`, {
    causes: [{ message }],
  });

/** A watch or list asks for a revision that does not exist yet. */
export const futureRevision = (asked: number, current: number): ApiError =>
  failure(504, 'Timeout', `Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });

/** The answer to a deletion that is complete. */
export const deleted = (target: Target, name: string, uid: string): StatusBody => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  details: { ...detailsOf(target, name), uid },
});
