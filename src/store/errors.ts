/** The store's error catalogue: every code, its sentence, whether trying again can help, and its face in each protocol. */

export const STORE_ERRORS = {
  unavailable: {
    sentence: 'no majority agreed in time; nothing was changed',
    retryable: true,
    http: 503,
    grpc: 'UNAVAILABLE',
  },
  'outcome-unknown': {
    sentence: 'no answer in time; the change may still be applied',
    retryable: true,
    http: 504,
    grpc: 'DEADLINE_EXCEEDED',
  },
  'lease-not-found': {
    sentence: 'the lease does not exist (any more)',
    retryable: false,
    http: 404,
    grpc: 'NOT_FOUND',
  },
  compacted: {
    sentence: 'the history of that revision has been compacted',
    retryable: false,
    http: 410,
    grpc: 'OUT_OF_RANGE',
  },
  'future-revision': {
    sentence: 'that revision does not exist yet',
    retryable: true,
    http: 400,
    grpc: 'OUT_OF_RANGE',
  },
  'invalid-request': {
    sentence: 'the request breaks a rule',
    retryable: false,
    http: 400,
    grpc: 'INVALID_ARGUMENT',
  },
  'too-large': {
    sentence: 'the request is larger than the limit',
    retryable: false,
    http: 413,
    grpc: 'INVALID_ARGUMENT',
  },
  overloaded: {
    sentence: 'too many requests are waiting; nothing was changed',
    retryable: true,
    http: 503,
    grpc: 'RESOURCE_EXHAUSTED',
  },
  stopped: {
    sentence: 'the store has been stopped',
    retryable: true,
    http: 503,
    grpc: 'UNAVAILABLE',
  },
} as const;

export type StoreErrorCode = keyof typeof STORE_ERRORS;

/** A failure of the catalogue; `message` is the catalogue's sentence and the detail. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, detail?: string, options?: ErrorOptions) {
    const { sentence } = STORE_ERRORS[code];
    super(detail === undefined ? sentence : `${sentence}: ${detail}`, options);
    this.code = code;
  }

  /** True when the same request can succeed later. */
  get retryable(): boolean {
    return STORE_ERRORS[this.code].retryable;
  }
}
