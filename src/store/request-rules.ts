/** What a request must keep to before it may enter the log; limits have names and are checked only here. */
import { keyWrittenTwice } from './core/txn.ts';
import type { Operation, Selector, TxnRequest } from './core/model.ts';
import { StoreError } from './errors.ts';

export const STORE_LIMITS = {
  keyCharactersMax: 1024,
  /** A value's length in UTF-16 code units. */
  valueCharactersMax: 1_048_576,
  /** Comparisons, and operations of each branch. */
  txnOperationsMax: 128,
  commandBytesMax: 1_572_864,
  leaseTtlMsMin: 100,
  leaseTtlMsMax: 86_400_000,
} as const;

const invalid = (detail: string): never => {
  throw new StoreError('invalid-request', detail);
};

function checkKey(key: string): void {
  if (key === '') invalid('a key may not be empty');
  if (key.length > STORE_LIMITS.keyCharactersMax) {
    throw new StoreError('too-large', `a key of ${key.length} characters`);
  }
}

export function checkSelector(selector: Selector): void {
  if ('key' in selector) checkKey(selector.key);
}

function checkLimit(limit: number | undefined): void {
  if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 1)) {
    invalid(`a limit must be a positive integer, not ${limit}`);
  }
}

function checkOperation(operation: Operation): void {
  if (operation.type === 'put') {
    checkKey(operation.key);
    checkLease(operation.lease ?? 0);
    if (operation.value.length > STORE_LIMITS.valueCharactersMax) {
      throw new StoreError('too-large', `a value of ${operation.value.length} characters`);
    }
    return;
  }
  checkSelector(operation.selector);
  if (operation.type === 'get') checkLimit(operation.limit);
}

export function checkLease(id: number): void {
  if (!Number.isSafeInteger(id) || id < 0) invalid(`not a lease id: ${id}`);
}

/** Throws {@link StoreError} `invalid-request` or `too-large`. */
export function checkTxn(request: Required<TxnRequest>): void {
  for (const [name, list] of Object.entries(request)) {
    if (list.length > STORE_LIMITS.txnOperationsMax) {
      throw new StoreError('too-large', `${list.length} items in '${name}'`);
    }
  }
  for (const compare of request.compare) {
    checkKey(compare.key);
    if (compare.target !== 'value' && !Number.isSafeInteger(compare.operand)) {
      invalid(`a comparison of ${compare.target} needs an integer`);
    }
  }
  for (const branch of [request.success, request.failure]) {
    branch.forEach(checkOperation);
    const twice = keyWrittenTwice(branch);
    if (twice !== undefined) invalid(`a transaction writes ${JSON.stringify(twice)} twice`);
  }
}

export function checkTtl(ttlMs: number): void {
  const { leaseTtlMsMin, leaseTtlMsMax } = STORE_LIMITS;
  if (!Number.isSafeInteger(ttlMs) || ttlMs < leaseTtlMsMin || ttlMs > leaseTtlMsMax) {
    invalid(`a lease's ttl must be ${leaseTtlMsMin} .. ${leaseTtlMsMax} ms, not ${ttlMs}`);
  }
}

export function checkRange(selector: Selector, limit: number | undefined): void {
  checkSelector(selector);
  checkLimit(limit);
}

export function checkBytes(bytes: Uint8Array): void {
  if (bytes.length > STORE_LIMITS.commandBytesMax) {
    throw new StoreError('too-large', `a command of ${bytes.length} bytes`);
  }
}
