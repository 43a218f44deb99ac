/** When the log is cut, and how the state gets into a snapshot and out of one. */
import { required } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Entry, Message, RaftCore, WriteMark } from './core/index.ts';
import type { Storage } from './storage.ts';
import type { SnapshotPolicy, StateMachine } from './types.ts';

/** What an entry costs in memory beside its data, roughly. */
const ENTRY_OVERHEAD_BYTES = 64;

export interface SnapshotterOptions {
  readonly core: RaftCore;
  readonly storage: Storage;
  readonly machine: StateMachine;
  readonly policy: SnapshotPolicy;
  readonly logger: Logger;
  /** Runs what touches the core while the member runs, and what it leads to. */
  readonly enter: (action: () => void) => void;
  readonly onFailure: (error: Error) => void;
}

export class Snapshotter {
  readonly #options: SnapshotterOptions;
  #entries = 0;
  #bytes = 0;
  #busy: Promise<unknown> | undefined;

  constructor(options: SnapshotterOptions) {
    this.#options = options;
  }

  /** Entries that were applied; they are in no snapshot yet. Cuts the log when it is time. */
  applied(entries: readonly Entry[]): void {
    this.#entries += entries.length;
    for (const { data } of entries) this.#bytes += data.length + ENTRY_OVERHEAD_BYTES;
    if (this.#isDue()) this.#take();
  }

  /**
   * True when enough was applied since the last snapshot, and no less than what that weighs, so that a large state is not
   * written over and over for a few entries.
   */
  #isDue(): boolean {
    if (this.#busy !== undefined) return false;
    const { policy, storage } = this.#options;
    const enough = this.#entries >= policy.entries || this.#bytes >= policy.bytes;
    return enough && this.#bytes >= (storage.snapshot()?.bytes ?? 0);
  }

  /** The state goes to disk as it is now, and entries that nobody needs are forgotten. */
  #take(): void {
    const { core, storage, machine, enter, logger } = this.#options;
    const { appliedIndex: index, appliedTerm: term, configuration } = core.status();
    const trailing = this.#trailing();
    const state = machine.snapshot();
    const meta = { index, term, configuration };
    this.#entries = 0;
    this.#bytes = 0;
    this.#alone(
      () => storage.writeSnapshot(meta, state),
      () =>
        enter(() => {
          // Whoever is being sent a snapshot needs what comes after it.
          const sending = core.progress().map(({ pendingSnapshot }) => pendingSnapshot ?? Infinity);
          const through = Math.max(0, Math.min(index - trailing, ...sending));
          core.compact(meta, through);
          storage.compact(through);
          logger.info('snapshot taken', { index, through });
          if (this.#isDue()) this.#take();
        }),
    );
  }

  /** How many of the entries before a snapshot are kept for followers that are a little behind. */
  #trailing(): number {
    const { entries, bytes } = this.#options.policy;
    const average = this.#entries === 0 ? 1 : this.#bytes / this.#entries;
    return Math.floor(Math.min(entries / 2, bytes / 2 / average));
  }

  /**
   * Whether the file is there that `message` announces. The beginning of the cluster is no file: one is made then, and sent when
   * the member is asked again.
   */
  canSend(message: Message & { readonly type: 'snapshot' }): boolean {
    const { core, storage } = this.#options;
    const latest = storage.snapshot()?.meta.index ?? 0;
    if (latest === message.meta.index) return true;
    core.reportSnapshot(message.to, false);
    if (this.#busy === undefined && core.status().appliedIndex > latest) this.#take();
    return false;
  }

  /** The state machine gets the snapshot that the storage holds already; `done` when it is the state. */
  install(mark: WriteMark, done: () => void): void {
    const { core, enter, logger } = this.#options;
    const index = required(mark.snapshotIndex, 'the write installed a snapshot');
    logger.info('installing a snapshot', { index });
    this.#alone(
      () => this.restore(index),
      () =>
        enter(() => {
          core.persisted(mark);
          logger.info('snapshot installed', { index });
          done();
        }),
    );
  }

  /** Replaces the state by the snapshot at `index`. */
  async restore(index: number): Promise<void> {
    const { machine, storage } = this.#options;
    const restoring = machine.beginRestore();
    for await (const chunk of storage.readSnapshot(index, 0)) restoring.add(chunk);
    restoring.finish();
    this.#entries = 0;
    this.#bytes = 0;
  }

  /** Waits for what is under way. */
  async idle(): Promise<void> {
    await this.#busy;
  }

  /** Runs after whatever is under way. */
  #alone(action: () => Promise<unknown>, done: () => void): void {
    const mine = this.#run(this.#busy, action, (isDone) => {
      if (this.#busy === mine) this.#busy = undefined;
      if (isDone) done();
    });
    this.#busy = mine;
  }

  /** What fails is told here. */
  async #run(
    before: Promise<unknown> | undefined,
    action: () => Promise<unknown>,
    ended: (isDone: boolean) => void,
  ): Promise<void> {
    await before;
    try {
      await action();
    } catch (error) {
      // A newer snapshot took its place meanwhile: that one is installed next.
      const isGone = (error as { code?: unknown }).code === 'snapshot-gone';
      if (!isGone) this.#options.onFailure(error as Error);
      return ended(false);
    }
    ended(true);
  }
}
