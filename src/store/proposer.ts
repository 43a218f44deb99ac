/** Puts commands into the log until they have been applied exactly once, and hands each caller its result. */
import { encodeCommand, type CommandBody } from './core/command.ts';
import type { Outcome } from './core/machine.ts';
import { StoreError } from './errors.ts';
import type { ReplicatedLog } from './ports.ts';
import { checkBytes } from './request-rules.ts';
import { withRetries, type RetryOptions } from './retry.ts';

/** An outcome that a caller can see: a duplicate's result belongs to its first application. */
export type Settled = Exclude<Outcome, { type: 'duplicate' }>;

export interface Proposer {
  propose(body: CommandBody, signal?: AbortSignal): Promise<Settled>;
  /** Tells the proposer what came of a command that this node applied. */
  settle(proposal: string, outcome: Outcome): void;
  /** Entries arrived as a snapshot: proposals among them were applied, and what came of them is not known here. */
  restored(knows: (proposal: string) => boolean): void;
}

export interface ProposerOptions extends Omit<RetryOptions, 'harmless'> {
  readonly log: ReplicatedLog;
  readonly appliedIndex: () => number;
  readonly pendingMax: number;
}

export function createProposer(options: ProposerOptions): Proposer {
  const { log } = options;
  /** Random per process, so that no other process and no earlier life of this one has the same proposal ids. */
  const instance = options.random
    .bytes(9)
    .reduce((text, byte) => text + byte.toString(16).padStart(2, '0'), '');
  const pending = new Map<string, PromiseWithResolvers<Settled>>();
  let count = 0;

  const proposeOnce = async (body: CommandBody, signal?: AbortSignal): Promise<Settled> => {
    count += 1;
    const proposal = `${instance}.${count.toString(36)}`;
    const bytes = encodeCommand({ proposal, base: options.appliedIndex(), body });
    checkBytes(bytes);
    if (pending.size >= options.pendingMax) throw new StoreError('overloaded');
    const waiter = Promise.withResolvers<Settled>();
    const applied = waiter.promise;
    pending.set(proposal, waiter);
    try {
      return await withRetries(
        { ...options, harmless: false },
        // Whichever comes first: the answer may be lost although the command is applied here.
        (signal) => Promise.race([applied, log.propose(bytes, signal).then(() => applied)]),
        signal,
      );
    } finally {
      pending.delete(proposal);
    }
  };

  return {
    async propose(body, signal) {
      for (;;) {
        const outcome = await proposeOnce(body, signal);
        // Refused by the machine for its age on every node alike: a new proposal is safe.
        if (outcome.type === 'refused' && outcome.reason === 'proposal-too-old') continue;
        return outcome;
      }
    },
    settle(proposal, outcome) {
      if (outcome.type !== 'duplicate') pending.get(proposal)?.resolve(outcome);
    },
    restored(knows) {
      for (const [proposal, waiter] of pending) {
        if (!knows(proposal)) continue;
        waiter.reject(new StoreError('outcome-unknown', 'it was applied within a snapshot'));
      }
    },
  };
}
