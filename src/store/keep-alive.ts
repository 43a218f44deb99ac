/** The holder's side of a lease: asks whoever leads, until somebody who does has answered. */
import { unreachable } from '../std/index.ts';
import { StoreError } from './errors.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { KeepAliveAnswer, LeaderLink, ReplicatedLog } from './ports.ts';
import { withRetries, type RetryOptions } from './retry.ts';

export interface KeepAliveOptions extends Omit<RetryOptions, 'harmless'> {
  readonly log: ReplicatedLog;
  readonly keeper: Pick<LeaseKeeper, 'serveKeepAlive'>;
  readonly leaderLink: LeaderLink;
}

export type KeepAlive = (
  id: number,
  signal?: AbortSignal,
) => Promise<{ id: number; ttlMs: number }>;

class NoLeader extends Error {
  readonly outcome = 'not-applied';
}

export function createKeepAlive(options: KeepAliveOptions): KeepAlive {
  const { log, keeper, leaderLink } = options;

  const ask = (id: number, signal: AbortSignal): Promise<KeepAliveAnswer> => {
    const { role, leaderId } = log.status();
    if (role === 'leader') return keeper.serveKeepAlive(id, signal);
    if (leaderId === undefined) return Promise.reject(new NoLeader('nobody leads'));
    return leaderLink.keepAlive(leaderId, id, signal);
  };

  const attempt = async (id: number, signal: AbortSignal): Promise<number> => {
    const answer = await ask(id, signal);
    switch (answer.status) {
      case 'renewed':
        return answer.ttlMs;
      case 'lease-not-found':
        throw new StoreError('lease-not-found', `lease ${id}`);
      case 'not-leader':
        throw new NoLeader('the node that was asked does not lead');
      default:
        return unreachable(answer);
    }
  };

  return async (id, signal) => ({
    id,
    ttlMs: await withRetries({ ...options, harmless: true }, (s) => attempt(id, s), signal),
  });
}
