/** Proof that a member's process is gone: its own port refuses connections, which no network failure does. */
import { connect } from 'node:net';
import type { Member, Membership } from '../gossip/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { splitAddress } from './options.ts';

/** Limit on the connection attempt: it is refused at once or not at all. */
const TIMEOUT_MS = 500;

export interface DeathProof {
  /** True when this process of the member is proven gone. */
  isProven(id: string, instance: string): boolean;
  /** Tries to prove the death of a member at once. */
  attempt(id: string): void;
  /** Called at each new proof. */
  onProof(listener: (id: string) => void): () => void;
  stop(): void;
}

/** Tries whenever gossip suspects a member; a member that is alive again is no longer proven dead. */
export function createDeathProof(membership: Membership, logger: Logger): DeathProof {
  /** The instance whose death is proven, by member. */
  const proven = new Map<string, string>();
  const listeners = new Set<(id: string) => void>();

  function probe(member: Member): void {
    const socket = connect({ ...splitAddress(member.address), timeout: TIMEOUT_MS });
    socket.once('connect', () => socket.destroy());
    socket.once('timeout', () => socket.destroy());
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNREFUSED' || proven.has(member.id)) return;
      proven.set(member.id, member.meta['instance'] ?? '');
      logger.info('death of a member proven: its address refuses connections', {
        member: member.id,
      });
      for (const listener of listeners) listener(member.id);
    });
  }

  const stop = membership.onChange(({ kind, member }) => {
    if (kind === 'died' || kind === 'suspected') probe(member);
    if (member.state === 'alive') proven.delete(member.id);
  });
  return {
    isProven: (id, instance) => proven.get(id) === instance,
    attempt(id) {
      const member = membership.members().find((candidate) => candidate.id === id);
      if (member !== undefined) probe(member);
    },
    onProof(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop,
  };
}
