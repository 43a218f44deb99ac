/** When term, vote and commit index are worth writing. */
import type { CoreStatus, HardState } from './core/index.ts';

export class WrittenHardState {
  #written: HardState;

  /** `stored` is what the disk holds. */
  constructor(stored: HardState) {
    this.#written = stored;
  }

  /**
   * What has to go into a write, if anything. A commit index alone is not worth one, but entries must not be durable without the
   * one that came before them: who has a change of the configuration in its log must know, after a restart too, that the
   * change before it is committed, or it would campaign by a configuration whose majorities need not meet those of today.
   */
  toWrite(
    { term, vote, commitIndex: commit }: CoreStatus,
    isWriting: boolean,
  ): HardState | undefined {
    const { term: oldTerm, vote: oldVote, commit: oldCommit } = this.#written;
    const isNew = term !== oldTerm || vote !== oldVote || commit !== oldCommit;
    if (!isWriting || !isNew) return undefined;
    this.#written = { term, vote, commit };
    return this.#written;
  }
}
