/** The writing half of the store's face: checks a request, proposes it, unpacks its outcome. */
import { InvariantError } from '../std/index.ts';
import type { CommandBody } from './core/command.ts';
import { StoreError } from './errors.ts';
import type { KeepAlive } from './keep-alive.ts';
import type { Proposer, Settled } from './proposer.ts';
import { checkLease, checkTtl, checkTxn } from './request-rules.ts';
import type { Leases, Store } from './types.ts';

type Propose = Pick<Proposer, 'propose'>;

/** The outcome of the type that belongs to the command; a refusal becomes its {@link StoreError}. */
async function propose<T extends Settled['type']>(
  proposer: Propose,
  expected: T,
  body: CommandBody,
  signal?: AbortSignal,
): Promise<Extract<Settled, { type: T }>> {
  const outcome = await proposer.propose(body, signal);
  if (outcome.type === 'refused' && outcome.reason !== 'proposal-too-old') {
    throw new StoreError(outcome.reason);
  }
  if (outcome.type !== expected) throw new InvariantError(`a ${body.type} gave ${outcome.type}`);
  return outcome as Extract<Settled, { type: T }>;
}

export function createWrites(proposer: Propose): Pick<Store, 'txn' | 'put' | 'delete'> {
  const txn: Store['txn'] = async ({ compare = [], success, failure = [] }, signal) => {
    const request = { compare, success, failure };
    checkTxn(request);
    return (await propose(proposer, 'txn', { type: 'txn', ...request }, signal)).result;
  };
  return {
    txn,
    async put(key, value, { lease = 0, signal } = {}) {
      const put = { type: 'put', key, value, lease } as const;
      const { revision, responses } = await txn({ success: [put] }, signal);
      const [response] = responses;
      return response?.type === 'put' && response.previous !== undefined
        ? { revision, previous: response.previous }
        : { revision };
    },
    async delete(selector, signal) {
      const { revision, responses } = await txn(
        { success: [{ type: 'delete', selector }] },
        signal,
      );
      const [response] = responses;
      return { revision, deleted: response?.type === 'delete' ? response.deleted : [] };
    },
  };
}

export function createLeases(proposer: Propose, keepAlive: KeepAlive): Leases {
  return {
    async grant(ttlMs, signal) {
      checkTtl(ttlMs);
      const { id } = await propose(proposer, 'granted', { type: 'grant', ttlMs }, signal);
      return { id, ttlMs };
    },
    async keepAlive(id, signal) {
      checkLease(id);
      return keepAlive(id, signal);
    },
    async revoke(lease, signal) {
      checkLease(lease);
      const { revision } = await propose(proposer, 'revoked', { type: 'revoke', lease }, signal);
      return { revision };
    },
  };
}
