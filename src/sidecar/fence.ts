/** A member whose state is wrong must not answer from it: everything it serves is taken away, and others take it over. */
import type { Gateway } from '../gateway/index.ts';
import type { RaftNode } from '../raft/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Ownership } from './ownership.ts';

export interface FenceOptions {
  readonly raft: Pick<RaftNode, 'status' | 'onStatus'>;
  readonly ownership: Pick<Ownership, 'stop'>;
  readonly gateway: Pick<Gateway, 'stop'> | undefined;
  readonly logger: Logger;
}

/**
 * Stops the gateway and gives the lease back as soon as a majority finds this member divergent: its ports refuse then, which
 * proves to the others that they may claim its sessions. Only a new data folder mends it, so nothing is started again.
 */
export function fenceWhenDivergent({ raft, ownership, gateway, logger }: FenceOptions): () => void {
  const look = ({ divergent }: { readonly divergent: boolean }): void => {
    if (!divergent) return;
    stop();
    logger.error('this member serves nothing any more: its state differs from the majority');
    const failed = (error: unknown): void =>
      logger.warn('a part did not stop', { error: String(error) });
    void gateway?.stop().catch(failed);
    void ownership.stop().catch(failed);
  };
  const stop = raft.onStatus(look);
  look(raft.status());
  return stop;
}
