/** The state machine as one would write it without thinking of speed: a full copy of the keyspace per revision. */
import type { Command } from '../../src/store/core/command.ts';
import type { Outcome } from '../../src/store/core/machine.ts';
import type { Compare, KeyValue, Operation, Selector } from '../../src/store/index.ts';

type Keys = ReadonlyMap<string, KeyValue>;

const byKey = (a: KeyValue, b: KeyValue): number => (a.key < b.key ? -1 : 1);
const select = (keys: Keys, selector: Selector): KeyValue[] =>
  [...keys.values()]
    .filter(({ key }) =>
      'key' in selector ? key === selector.key : key.startsWith(selector.prefix),
    )
    .sort(byKey);

function holds(keys: Keys, { key, target, operator, operand }: Compare): boolean {
  const item = keys.get(key);
  if (item === undefined && target === 'value') return false;
  const left = item?.[target] ?? 0;
  return {
    '=': left === operand,
    '!=': left !== operand,
    '<': left < operand,
    '>': left > operand,
  }[operator];
}

export function createNaiveModel() {
  const states: { revision: number; keys: Keys }[] = [{ revision: 1, keys: new Map() }];
  const leases = new Map<number, number>();
  const proposals = new Set<string>();
  let compacted = 0;
  const now = () => states.at(-1) as { revision: number; keys: Keys };
  const refused = (reason: string) => ({ type: 'refused', reason }) as Outcome;

  const commit = (keys: Keys, changed: boolean): number => {
    if (changed) states.push({ revision: now().revision + 1, keys });
    return now().revision;
  };

  const run = (operations: readonly Operation[], succeeded: boolean): Outcome => {
    const keys = new Map(now().keys);
    const at = now().revision + 1;
    let changed = false;
    const responses = operations.map((operation) => {
      if (operation.type === 'get') {
        const items = select(keys, operation.selector);
        return { type: 'get' as const, items, count: items.length };
      }
      if (operation.type === 'delete') {
        const deleted = select(keys, operation.selector);
        for (const { key } of deleted) changed = keys.delete(key);
        return { type: 'delete' as const, deleted };
      }
      const previous = keys.get(operation.key);
      const { key, value, lease = 0 } = operation;
      keys.set(key, {
        key,
        value,
        createRevision: previous?.createRevision ?? at,
        modRevision: at,
        version: (previous?.version ?? 0) + 1,
        lease,
      });
      changed = true;
      return previous === undefined ? { type: 'put' as const } : { type: 'put' as const, previous };
    });
    return { type: 'txn', result: { succeeded, revision: commit(keys, changed), responses } };
  };

  const end = (ids: readonly number[]): Outcome => {
    const ended = ids.filter((id, i) => leases.has(id) && ids.indexOf(id) === i);
    const keys = new Map([...now().keys].filter(([, item]) => !ended.includes(item.lease)));
    for (const id of ended) leases.delete(id);
    const revision = commit(keys, keys.size < now().keys.size);
    return { type: 'revoked', leases: ended, revision };
  };

  return {
    revision: () => now().revision,
    at: (revision: number): KeyValue[] =>
      [
        ...(states.findLast((state) => state.revision <= revision)?.keys ?? new Map()).values(),
      ].sort(byKey),
    leases: () =>
      [...leases].map(([id, ttlMs]) => ({
        id,
        ttlMs,
        keys: [...now().keys.values()]
          .filter((item) => item.lease === id)
          .map(({ key }) => key)
          .sort(),
      })),
    apply({ index, term }: { index: number; term: number }, { proposal, body }: Command): Outcome {
      if (proposals.has(proposal)) return { type: 'duplicate' };
      proposals.add(proposal);
      switch (body.type) {
        case 'txn': {
          const succeeded = body.compare.every((compare) => holds(now().keys, compare));
          const operations = succeeded ? body.success : body.failure;
          const unknown = operations.some(
            (operation) =>
              operation.type === 'put' &&
              (operation.lease ?? 0) !== 0 &&
              !leases.has(operation.lease ?? 0),
          );
          return unknown ? refused('lease-not-found') : run(operations, succeeded);
        }
        case 'grant':
          leases.set(index, body.ttlMs);
          return { type: 'granted', id: index, ttlMs: body.ttlMs };
        case 'revoke':
          return leases.has(body.lease) ? end([body.lease]) : refused('lease-not-found');
        case 'expire':
          return end(body.term === term ? body.leases : []);
        case 'compact':
          if (body.revision <= compacted) return refused('compacted');
          if (body.revision > now().revision) return refused('future-revision');
          compacted = body.revision;
          return { type: 'compacted', revision: compacted };
        default:
          throw new Error('unknown command');
      }
    },
  };
}
