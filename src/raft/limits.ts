/** The limits of a member, and its core's configuration made from its options. */
import type { CoreConfig } from './core/index.ts';
import type { RaftNodeOptions } from './types.ts';

const ticksPerHeartbeat = 5;

export const LIMITS = {
  /** Proposals that share an append: small enough that disk, network and followers work on several at a time. */
  proposeBytesMax: 128 * 2 ** 10,
  appendBytesMax: 1 * 2 ** 20,
  applyBytesMax: 1 * 2 ** 20,
  inflightMessagesMax: 256,
  inflightBytesMax: 8 * 2 ** 20,
  uncommittedBytesMax: 64 * 2 ** 20,
  pendingReadsMax: 4_096,
  promotionLagMax: 1_024,
  proposalsMax: 16_384,
  proposalBytesMax: 64 * 2 ** 20,
  readersMax: 65_536,
  commandBytesMax: 8 * 2 ** 20,
  requestTimeoutMs: 5_000,
  /** Ticks made up for after the process was held up: more would let time-outs fire before the network was read. */
  ticksAtOnceMax: 2,
  measureEveryMs: 250,
  /** The states are compared each time so many entries are applied. */
  checkEntries: 1_024,
  snapshot: { entries: 100_000, bytes: 64 * 2 ** 20 },
} as const;

/** How long one tick lasts. */
export function tickMsOf({ heartbeatIntervalMs }: RaftNodeOptions['timing']): number {
  return heartbeatIntervalMs / ticksPerHeartbeat;
}

/** How long followers keep the promise that a lease rests on: they count ticks, and the first may come at once. */
export function leaseMs(timing: RaftNodeOptions['timing']): number {
  return timing.electionTimeoutMs.min - 2 * tickMsOf(timing);
}

export function coreConfig(
  { id, timing, random, reads }: RaftNodeOptions,
  groupId: string,
): CoreConfig {
  const ticks = (ms: number): number => Math.max(1, Math.round(ms / tickMsOf(timing)));
  const { min, max } = timing.electionTimeoutMs;
  return {
    id,
    groupId,
    electionTicks: { min: ticks(min), max: ticks(max) },
    retryTicks: { min: ticksPerHeartbeat, max: ticks(min) },
    heartbeatTicks: ticksPerHeartbeat,
    // Later than followers give up on a leader: on a machine short of time, stepping down early only costs.
    quorumCheckTicks: ticks(max),
    random,
    preVote: true,
    checkQuorum: true,
    leaseReads: reads === 'lease',
    forwardProposals: true,
    stepDownOnRemoval: true,
    gatherFirstAppend: true,
    appendBytesMax: LIMITS.appendBytesMax,
    applyBytesMax: LIMITS.applyBytesMax,
    inflightMessagesMax: LIMITS.inflightMessagesMax,
    inflightBytesMax: LIMITS.inflightBytesMax,
    uncommittedBytesMax: LIMITS.uncommittedBytesMax,
    pendingReadsMax: LIMITS.pendingReadsMax,
    promotionLagMax: LIMITS.promotionLagMax,
  };
}
