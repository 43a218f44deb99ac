/** What the operations of the known histories, and of ours, mean when they are done one after the other. */
import type { Model, Operation, State } from './checker.ts';

/** A register of numbers with compare-and-set, as in Jepsen's tests of etcd. */
export type RegisterOperation = Operation &
  (
    | { readonly op: 'read'; readonly output: number | null }
    | { readonly op: 'write'; readonly value: number }
    | {
        readonly op: 'cas';
        readonly expected: number;
        readonly value: number;
        /** Undefined together with `end`. */
        readonly swapped: boolean | undefined;
      }
  );

/** The state after a compare-and-set that says whether its comparison held, where that is known. */
function swapped<V extends State>(
  state: V | null,
  cas: Operation & {
    readonly expected: V | null;
    readonly value: V;
    readonly swapped: boolean | undefined;
  },
): V | null | undefined {
  const matches = cas.expected === state;
  if (cas.end !== undefined && cas.swapped !== matches) return undefined;
  return matches ? cas.value : state;
}

export const registerModel: Model<RegisterOperation, number | null> = {
  initial: null,
  step(state, operation) {
    if (operation.op === 'read') return operation.output === state ? state : undefined;
    if (operation.op === 'write') return operation.value;
    return swapped(state, operation);
  },
};

/** A text that can be replaced and appended to. */
export type AppendOperation = Operation &
  (
    | { readonly op: 'get'; readonly output: string }
    | { readonly op: 'put' | 'append'; readonly value: string }
  );

export const appendModel: Model<AppendOperation, string> = {
  initial: '',
  step(state, operation) {
    if (operation.op === 'get') return operation.output === state ? state : undefined;
    return operation.op === 'put' ? operation.value : state + operation.value;
  },
};

/**
 * A key of our store. `output` is what the operation saw before it changed anything, null for "no such key"; every
 * answered operation tells it.
 */
export type StoreOperation = Operation & {
  readonly output?: string | null;
} & (
    | { readonly op: 'get' }
    | { readonly op: 'delete' }
    | { readonly op: 'put'; readonly value: string }
    | {
        readonly op: 'cas';
        /** Null: the key must not exist. */
        readonly expected: string | null;
        readonly value: string;
        readonly swapped: boolean | undefined;
      }
  );

export const storeModel: Model<StoreOperation, string | null> = {
  initial: null,
  step(state, operation) {
    if (operation.end !== undefined && operation.output !== state) return undefined;
    if (operation.op === 'get') return state;
    if (operation.op === 'delete') return null;
    return operation.op === 'put' ? operation.value : swapped(state, operation);
  },
};
