/** What a leader knows about one follower, as a union: probing (one message at a time), replicating (a pipeline), or waiting
 * for the follower to install a snapshot. */
import { assert } from '../../std/index.ts';

interface Common {
  /** Last index known to be in the follower's log, durably. */
  match: number;
  /** Index of the next entry to send. */
  next: number;
  /** Highest commit index sent, so that no message is spent to repeat it. */
  sentCommit: number;
  /** Heard from since the last quorum check. */
  recentlyActive: boolean;
  /** Nothing is sent until an answer, or a heartbeat's answer, comes in. */
  paused: boolean;
}

/** A message under way: its last index, and how many bytes of entries it carries. */
interface Flight {
  readonly last: number;
  readonly bytes: number;
}

export type Probe = Common & { readonly state: 'probe' };
export type Replicate = Common & {
  readonly state: 'replicate';
  readonly flights: Flight[];
  flightBytes: number;
};
export type Installing = Common & { readonly state: 'snapshot'; readonly pendingSnapshot: number };
export type Progress = Probe | Replicate | Installing;

/** How much may be under way to one follower. */
export interface FlightLimits {
  readonly messagesMax: number;
  readonly bytesMax: number;
}

export function newProbe(next: number, match = 0): Probe {
  return { state: 'probe', match, next, sentCommit: 0, recentlyActive: false, paused: false };
}

/** Back to one message at a time, after what is known to be there or, after a snapshot, ought to be. */
export function toProbe(progress: Progress): Probe {
  const { match, sentCommit, recentlyActive } = progress;
  const known = progress.state === 'snapshot' ? Math.max(match, progress.pendingSnapshot) : match;
  const next = known + 1;
  return {
    state: 'probe',
    match,
    next,
    sentCommit: Math.min(sentCommit, next - 1),
    recentlyActive,
    paused: false,
  };
}

export function toReplicate(progress: Progress): Replicate {
  const { match, sentCommit, recentlyActive } = progress;
  return {
    state: 'replicate',
    match,
    next: match + 1,
    sentCommit,
    recentlyActive,
    paused: false,
    flights: [],
    flightBytes: 0,
  };
}

export function toInstalling(progress: Progress, snapshotIndex: number): Installing {
  const { match, recentlyActive } = progress;
  return {
    state: 'snapshot',
    match,
    next: snapshotIndex + 1,
    sentCommit: snapshotIndex,
    recentlyActive,
    paused: false,
    pendingSnapshot: snapshotIndex,
  };
}

/** True when nothing may be sent to the follower now. */
export function isPaused(progress: Progress): boolean {
  return progress.state === 'snapshot' || progress.paused;
}

export function isFull(progress: Replicate, limits: FlightLimits): boolean {
  return progress.flights.length >= limits.messagesMax || progress.flightBytes >= limits.bytesMax;
}

/** Records that a message with `count` entries (possibly none) of `bytes` left. */
export function sentEntries(
  progress: Progress,
  sent: { readonly count: number; readonly bytes: number },
  limits: FlightLimits,
): void {
  assert(progress.state !== 'snapshot', 'nothing is sent beside a snapshot');
  if (progress.state === 'probe') {
    // One message with entries at a time; without entries there is nothing to wait for.
    if (sent.count > 0) progress.paused = true;
    return;
  }
  if (sent.count > 0) {
    progress.next += sent.count;
    progress.flights.push({ last: progress.next - 1, bytes: sent.bytes });
    progress.flightBytes += sent.bytes;
  }
  progress.paused = isFull(progress, limits);
}

/** The follower has everything up to `index`; false when that was known. */
export function matched(progress: Progress, index: number): boolean {
  if (index <= progress.match) return false;
  progress.match = index;
  progress.next = Math.max(progress.next, index + 1);
  progress.paused = false;
  return true;
}

/** Forgets messages that `index` acknowledges. */
export function landed(progress: Replicate, index: number): void {
  const { flights } = progress;
  let count = 0;
  for (; count < flights.length; count++) {
    const flight = flights[count] as Flight;
    if (flight.last > index) break;
    progress.flightBytes -= flight.bytes;
  }
  flights.splice(0, count);
}

/**
 * The follower refused `rejected` and says that it can match at most at `hint`; false when nothing follows from that: the
 * refusal is an old one, or the follower lost what it had acknowledged, which sending more cannot repair.
 */
export function decreased(progress: Progress, rejected: number, hint: number): boolean {
  if (progress.state === 'replicate') {
    if (rejected <= progress.match) return false;
    progress.next = progress.match + 1;
  } else {
    if (progress.next - 1 !== rejected) return false;
    progress.next = Math.max(Math.min(rejected, hint + 1), progress.match + 1);
    progress.paused = false;
  }
  progress.sentCommit = Math.min(progress.sentCommit, progress.next - 1);
  return true;
}

/** True when the follower's commit index could be raised by telling it `commit`. */
export function canRaiseCommit(progress: Progress, commit: number): boolean {
  return commit > progress.sentCommit && progress.sentCommit < progress.next - 1;
}
