/** What a run consists of, drawn from its seed: each seed plays with other faults and other options of the core (a swarm). */
import type { CoreConfig } from '../../src/raft/core/index.ts';
import { integerBetween, seededRandom, type Random } from '../../src/std/index.ts';

/** Drawn one after the other from one stream, on which what each seed means depends. */
export const DRAWN_FAULTS = [
  'loss',
  'duplication',
  'delay',
  'partition',
  'reset',
  'pause',
  'crash',
  'stall',
  'fsync-error',
  'rot',
  'skew',
  'membership',
  'compaction',
  'transfer',
  'snapshot-failure',
] as const;
export const FAULTS = [...DRAWN_FAULTS, 'reluctance'] as const;
export type Fault = (typeof FAULTS)[number];

/** What makes a run smaller than its seed says; each keeps the rest of the run as it was drawn. */
export interface Reduction {
  readonly nodes?: number | undefined;
  readonly horizonMs?: number | undefined;
  readonly without?: readonly Fault[] | undefined;
  /** Planned events that do not happen, by number. */
  readonly drop?: readonly number[] | undefined;
}

export interface Settings {
  readonly seed: number;
  readonly nodes: number;
  /** Members that can join later. */
  readonly joiners: number;
  readonly chaosMs: number;
  readonly faults: ReadonlySet<Fault>;
  readonly core: Omit<CoreConfig, 'id' | 'groupId' | 'random'>;
  /** How far the clocks of members drift from true time, at most. */
  readonly skew: number;
  /** Messages of one link keep their order. */
  readonly fifo: boolean;
  /** How long the driver gathers what comes in before it acts on it. */
  readonly turnMs: number;
  /** How long a batch waits before it is applied. */
  readonly applyMs: number;
  readonly flushMs: number;
  /** A write that only moves the commit index is left to the next flush, or is not written at all. */
  readonly writesCommit: boolean;
  /** Messages that were under way to a process that died reach its successor. */
  readonly ghosts: boolean;
  readonly clientMs: number;
  readonly readShare: number;
  /** Entries that stay in the log behind a snapshot. */
  readonly keepEntries: number;
  /** Only what the TLA+ specification of etcd's raft knows. */
  readonly traced: boolean;
  /** Changes of the configuration are asked for right after each election. */
  readonly eager: boolean;
  /** At the end a minority stays broken, and the rest must do without it. */
  readonly healsPartly: boolean;
}

export const TICK_MS = 10;

/** An independent stream of chance for each purpose, so that dropping one event does not shift the others. */
export function stream(seed: number, purpose: number): Random {
  return seededRandom((Math.imul(seed, 0x9e3779b1) ^ Math.imul(purpose + 1, 0x85ebca6b)) >>> 0);
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[integerBetween(random, 0, items.length - 1)] as T;
}

export function between(random: Random, min: number, max: number): number {
  return min + random.next() * (max - min);
}

/** A stream of its own, under which the seeds that found something once mean what they meant then. */
export const RELUCTANCE_STREAM = 7_152;
const RELUCTANCE_SHARE = 0.4;

export function drawSettings(seed: number, reduction: Reduction, traced: boolean): Settings {
  const random = stream(seed, 0);
  const nodes = pick(random, [3, 3, 3, 4, 5, 5, 5, 6, 7]);
  const joiners = integerBetween(random, 0, 3);
  const chaosMs = between(random, 1_500, 5_000);
  const chosen: Fault[] = DRAWN_FAULTS.filter(() => random.next() < 0.6);
  if (stream(seed, RELUCTANCE_STREAM).next() < RELUCTANCE_SHARE) chosen.push('reluctance');
  const faults = new Set<Fault>(
    chosen.filter((fault) => reduction.without?.includes(fault) !== true),
  );
  const careful = random.next() < 0.7;
  const preVote = careful || random.next() < 0.5;
  const checkQuorum = careful || random.next() < 0.5;
  const leaseReads = checkQuorum && random.next() < 0.3;
  const min = pick(random, [8, 10, 15]);
  const core: Settings['core'] = {
    electionTicks: { min, max: 2 * min },
    retryTicks: { min: 3, max: min },
    heartbeatTicks: pick(random, [1, 2, 3]),
    quorumCheckTicks: pick(random, [min, 2 * min]),
    preVote,
    checkQuorum,
    leaseReads,
    forwardProposals: random.next() < 0.85,
    stepDownOnRemoval: random.next() < 0.8,
    gatherFirstAppend: true,
    appendBytesMax: pick(random, [1, 60, 400, 1_000_000]),
    applyBytesMax: pick(random, [100, 400, 1_000_000]),
    inflightMessagesMax: pick(random, [1, 2, 8, 256]),
    inflightBytesMax: pick(random, [200, 1_000_000]),
    uncommittedBytesMax: pick(random, [1_000, 1_000_000]),
    pendingReadsMax: pick(random, [4, 100]),
    promotionLagMax: pick(random, [5, Infinity, Infinity]),
  };
  const settings: Settings = {
    seed,
    nodes: Math.min(nodes, reduction.nodes ?? nodes),
    joiners,
    chaosMs: Math.min(chaosMs, reduction.horizonMs ?? chaosMs),
    faults,
    core,
    // Without PreVote the fastest clock asks first each time, and keeps from it a slow one that alone could win.
    skew: faults.has('skew') ? (leaseReads || !preVote ? 0.05 : 0.3) : 0.01,
    fifo: random.next() < 0.4,
    turnMs: pick(random, [0, 0, 0.3, 2]),
    applyMs: pick(random, [0, 0, 1, 10]),
    flushMs: pick(random, [0.2, 1, 4]),
    writesCommit: random.next() < 0.5,
    ghosts: random.next() < 0.3,
    clientMs: pick(random, [5, 10, 30]),
    readShare: pick(random, [0.1, 0.3, 0.6]),
    keepEntries: pick(random, [0, 3, 20]),
    traced,
    eager: random.next() < 0.3,
    healsPartly: careful && core.forwardProposals && core.stepDownOnRemoval && random.next() < 0.4,
  };
  return traced ? restrictedToSpecification(settings) : settings;
}

/** No PreVote, no duplicates, no snapshots, no joint changes, and writes that are durable at once. */
function restrictedToSpecification(settings: Settings): Settings {
  const known: Fault[] = ['loss', 'delay', 'partition', 'pause', 'crash', 'membership', 'transfer'];
  return {
    ...settings,
    nodes: Math.min(settings.nodes, 5),
    joiners: 0,
    chaosMs: Math.min(settings.chaosMs, 1_500),
    faults: new Set(known.filter((fault) => settings.faults.has(fault))),
    core: {
      ...settings.core,
      preVote: false,
      checkQuorum: false,
      leaseReads: false,
      appendBytesMax: 1_000_000,
      inflightMessagesMax: 1_000,
      inflightBytesMax: 1_000_000,
      uncommittedBytesMax: 1_000_000,
      applyBytesMax: 1_000_000,
    },
    turnMs: 0,
    applyMs: 0,
    flushMs: 0,
    writesCommit: true,
    ghosts: true,
    clientMs: 40,
    healsPartly: false,
  };
}
