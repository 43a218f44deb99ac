/**
 * What a backup keeps of the store, and how a cluster that is empty takes it in. A copy holds keys and values, not the log:
 * it can be read by any later release. What belongs to a member and ends with it, and what the resource says anyhow, stays out.
 */
import { RpcError, type Wire } from '../rpc/index.ts';
import { STORE_LIMITS, StoreError, type Store } from '../store/index.ts';
import { MEMBERS_PREFIX } from './ownership.ts';
import { CONFIG_KEY } from './replicated-config.ts';

/** Which copy was taken in here. */
const RESTORED_KEY = '/restored';
/** Placements name members that are no more; what they were for is placed anew. */
const LEFT_OUT = [MEMBERS_PREFIX, '/placements/'];
/** One more operation writes down which copy it is. */
const ENTRIES_MAX = STORE_LIMITS.txnOperationsMax - 1;

type CopiedStore = Pick<Store, 'get' | 'range' | 'txn'>;

export interface StateCopy {
  /** All that is kept, linearizably read at one revision. */
  exportState(signal: AbortSignal): Promise<{
    readonly revision: number;
    readonly entries: readonly { readonly key: string; readonly value: string }[];
  }>;
  /** Writes a page in one transaction; a page of the same copy that comes again changes nothing. */
  importState(request: Wire.ImportStateRequest, signal: AbortSignal): Promise<number>;
}

export function createStateCopy(store: CopiedStore): StateCopy {
  const kept = async (signal: AbortSignal) => {
    const { items, revision } = await store.range({ prefix: '' }, {}, signal);
    return { revision, entries: items.filter(({ key, lease }) => lease === 0 && isKept(key)) };
  };
  const requireEmpty = async (signal: AbortSignal): Promise<void> => {
    const { entries } = await kept(signal);
    if (entries.length === 0) return;
    const message = `this cluster holds ${entries.length} keys already: a backup is taken in by a new cluster only`;
    throw new RpcError('failed-precondition', message);
  };
  return {
    exportState: (signal) =>
      explained(async () => {
        const { revision, entries } = await kept(signal);
        return { revision, entries: entries.map(({ key, value }) => ({ key, value })) };
      }),
    importState: ({ id, entries, last }, signal) =>
      explained(async () => {
        checkPage(id, entries);
        const known = await store.get(RESTORED_KEY, signal);
        if (known === undefined) await requireEmpty(signal);
        else if (known.value === doneMark(id)) return 0;
        else if (known.value !== begunMark(id)) {
          const message = `this cluster has taken in another backup (${known.value}): begin with a new cluster`;
          throw new RpcError('failed-precondition', message);
        }
        const { succeeded } = await store.txn(
          {
            // Nobody else has begun or ended meanwhile.
            compare: [
              {
                key: RESTORED_KEY,
                target: 'modRevision',
                operator: '=',
                operand: known?.modRevision ?? 0,
              },
            ],
            success: [
              ...entries.map(({ key, value }) => ({ type: 'put' as const, key, value })),
              { type: 'put', key: RESTORED_KEY, value: last ? doneMark(id) : begunMark(id) },
            ],
          },
          signal,
        );
        if (succeeded) return entries.length;
        throw new RpcError('aborted', 'somebody else restores this cluster at the same time');
      }),
  };
}

const begunMark = (id: string): string => `begun ${id}`;
const doneMark = (id: string): string => `done ${id}`;

function isKept(key: string): boolean {
  return (
    key !== CONFIG_KEY && key !== RESTORED_KEY && !LEFT_OUT.some((prefix) => key.startsWith(prefix))
  );
}

function checkPage(id: string, entries: readonly Wire.StateEntry[]): void {
  if (id === '') throw new RpcError('invalid-argument', 'id: a backup has one');
  if (entries.length > ENTRIES_MAX) {
    const message = `entries: ${entries.length}, at most ${ENTRIES_MAX} in a page`;
    throw new RpcError('invalid-argument', message);
  }
  const foreign = entries.find(({ key }) => !isKept(key));
  if (foreign !== undefined) {
    throw new RpcError('invalid-argument', `entries: ${foreign.key} is in no backup`);
  }
}

async function explained<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new RpcError('unavailable', `${error.code}: ${error.message}`);
  }
}
