/** A broken connection to the leader is a reason to ask for an election at once: one voter after the other, by rank. */
import type { CancelTimer } from '../std/index.ts';
import type { RaftCore } from './core/index.ts';
import type { RaftNodeOptions } from './types.ts';

export class Takeover {
  readonly #options: RaftNodeOptions;
  #cancel: CancelTimer = () => undefined;

  constructor(options: RaftNodeOptions) {
    this.#options = options;
  }

  /**
   * The connection to `peerId` broke. True when that was the leader, which is forgotten; `campaign` is called a little later
   * if it has not been heard again and nobody else was faster.
   */
  lost(core: RaftCore, peerId: string, campaign: () => void): boolean {
    const { term, leaderId, configuration } = core.status();
    if (leaderId !== peerId || !core.forgetLeader()) return false;
    const { clock, random, timing, id, logger } = this.#options;
    logger.info('leader unreachable', { leader: peerId, term });
    const rank = configuration.voters.filter((voter) => voter !== peerId).indexOf(id);
    const staggerMs = timing.heartbeatIntervalMs / 2;
    this.#cancel();
    this.#cancel = clock.schedule((rank + random.next() / 3) * staggerMs, () => {
      const now = core.status();
      const settled = now.leaderId !== undefined || now.role !== 'follower';
      if (!settled && now.term === term) campaign();
    });
    return true;
  }

  stop(): void {
    this.#cancel();
  }
}
