/** Transactions: which branch runs, what its operations do, and the one structural rule they must keep. */
import { unreachable } from '../../std/index.ts';
import type { Keyspace } from './keyspace.ts';
import type {
  Compare,
  CompareOperator,
  KeyValue,
  Operation,
  OperationResult,
  TxnRequest,
} from './model.ts';
import { matches } from './selector.ts';

type Lookup = (key: string) => KeyValue | undefined;

/** Where a transaction's writes go; each returns what was there before. */
export interface Writer {
  put(key: string, value: string, lease: number): KeyValue | undefined;
  remove(key: string): KeyValue | undefined;
}

function relates<T extends number | string>(left: T, operator: CompareOperator, right: T): boolean {
  switch (operator) {
    case '=':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '>':
      return left > right;
    default:
      return unreachable(operator);
  }
}

function holds(compare: Compare, lookup: Lookup): boolean {
  const item = lookup(compare.key);
  if (compare.target === 'value') {
    return item !== undefined && relates(item.value, compare.operator, compare.operand);
  }
  return relates(item?.[compare.target] ?? 0, compare.operator, compare.operand);
}

/** The branch that the comparisons choose. */
export function branchOf(
  txn: Required<TxnRequest>,
  lookup: Lookup,
): { succeeded: boolean; operations: readonly Operation[] } {
  const succeeded = txn.compare.every((compare) => holds(compare, lookup));
  return { succeeded, operations: succeeded ? txn.success : txn.failure };
}

/** Runs the operations in order; later ones see what earlier ones did. */
export function runTxn(
  operations: readonly Operation[],
  keyspace: Pick<Keyspace, 'range'>,
  writer: Writer,
): { responses: OperationResult[]; changed: boolean } {
  let changed = false;
  const responses = operations.map((operation): OperationResult => {
    switch (operation.type) {
      case 'put': {
        const previous = writer.put(operation.key, operation.value, operation.lease ?? 0);
        changed = true;
        return previous === undefined ? { type: 'put' } : { type: 'put', previous };
      }
      case 'delete': {
        const deleted = keyspace.range(operation.selector, Infinity, Infinity).items;
        for (const item of deleted) writer.remove(item.key);
        changed ||= deleted.length > 0;
        return { type: 'delete', deleted };
      }
      case 'get':
        return {
          type: 'get',
          ...keyspace.range(operation.selector, Infinity, operation.limit ?? Infinity),
        };
      default:
        return unreachable(operation);
    }
  });
  return { responses, changed };
}

/** The first key that a branch would write twice, which would give it two values at one revision. */
export function keyWrittenTwice(operations: readonly Operation[]): string | undefined {
  if (operations.length < 2) return undefined;
  const written = new Set<string>();
  for (const operation of operations) {
    if (operation.type !== 'put') continue;
    if (written.has(operation.key)) return operation.key;
    written.add(operation.key);
  }
  for (const operation of operations) {
    if (operation.type !== 'delete') continue;
    for (const key of written) if (matches(operation.selector, key)) return key;
  }
  return undefined;
}
