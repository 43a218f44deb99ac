/** Waiting for another member to lead. */
import type { Clock } from '../std/index.ts';
import { RaftError } from './errors.ts';
import type { RaftNode, RaftStatus } from './types.ts';

export interface TransferPorts {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Who is to lead only if no other can. */
  readonly avoided: readonly string[];
  /** Asks the leader to hand over; false when there is none. */
  begin(to: string): boolean;
}

/** Resolves when `to` leads, or whoever has most of the log; rejects with `timeout` when that does not come about. */
export function transferred(
  node: Pick<RaftNode, 'status' | 'onStatus'>,
  { clock, timeoutMs, avoided, begin }: TransferPorts,
  to: string | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const target = to ?? mostComplete(node.status(), avoided);
  if (target === undefined) return Promise.reject(new RaftError('not-leader', 'not-applied'));
  if (node.status().leaderId === target) return Promise.resolve();
  if (!begin(target)) return Promise.reject(new RaftError('no-leader', 'not-applied'));
  return new Promise((resolve, reject) => {
    const end = (error?: RaftError): void => {
      forget();
      cancel();
      signal?.removeEventListener('abort', onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onAbort = (): void => end(new RaftError('timeout', 'unknown'));
    const forget = node.onStatus(({ leaderId }) => {
      if (leaderId === target) end();
    });
    const cancel = clock.schedule(timeoutMs, onAbort);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** The voter that lacks least of the leader's log. */
function mostComplete(
  { nodeId, voters, progress }: RaftStatus,
  avoided: readonly string[],
): string | undefined {
  const others = (progress ?? []).filter(({ id }) => id !== nodeId && voters.includes(id));
  const live = others.filter(({ recentlyActive }) => recentlyActive);
  const [best] = (live.length > 0 ? live : others).sort(
    (a, b) =>
      Number(avoided.includes(a.id)) - Number(avoided.includes(b.id)) ||
      b.matchIndex - a.matchIndex,
  );
  return best?.id;
}
