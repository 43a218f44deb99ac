/**
 * How one configuration becomes the next: a simple change moves one voter at most, so that the majorities before and after
 * share a member; anything larger goes by way of a joint configuration, in which both majorities must agree.
 */
import { err, ok, type Result } from '../../std/index.ts';
import type { ConfigChange, Configuration, MemberChange } from './types.ts';

export type ConfigChangeError =
  /** A joint configuration is in force, and must be left first. */
  | 'joint'
  | 'not-joint'
  /** A joint configuration needs voters to come from. */
  | 'no-voters-yet'
  | 'no-voters-left'
  | 'more-than-one-voter';

type Changed = Result<Configuration, ConfigChangeError>;

export const EMPTY_CONFIGURATION: Configuration = Object.freeze({
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
});

/** Two majorities decide while it is in force. */
export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0;
}

/** Everybody who receives the log, once, sorted. */
export function members(configuration: Configuration): string[] {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  return sorted(new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext]));
}

/** A change of nobody, whichever way, can only mean that the joint configuration is to be left. */
export function leavesJoint(change: ConfigChange): boolean {
  return change.changes.length === 0;
}

/** The change goes by way of a joint configuration. */
export function entersJoint(change: ConfigChange): boolean {
  return change.changes.length > 1 || (change.transition !== 'auto' && !leavesJoint(change));
}

/** The configuration after `change`, or why it cannot follow on `configuration`. */
export function applyChange(configuration: Configuration, change: ConfigChange): Changed {
  if (leavesJoint(change)) return leaveJoint(configuration);
  if (!entersJoint(change)) return simpleChange(configuration, change.changes);
  return enterJoint(configuration, change.changes, change.transition !== 'joint-explicit');
}

/** Changes that, taken together, add or remove one voter at most. */
export function simpleChange(
  configuration: Configuration,
  changes: readonly MemberChange[],
): Changed {
  if (isJoint(configuration)) return err('joint');
  const draft = draftOf(configuration);
  for (const change of changes) makeChange(draft, change);
  if (draft.voters.size === 0) return err('no-voters-left');
  const before = new Set(configuration.voters);
  if (before.symmetricDifference(draft.voters).size > 1) return err('more-than-one-voter');
  return ok(finish(draft, false));
}

/** The voters of now become the outgoing ones, and the changes are made to a copy of them. */
export function enterJoint(
  configuration: Configuration,
  changes: readonly MemberChange[],
  autoLeave: boolean,
): Changed {
  if (isJoint(configuration)) return err('joint');
  if (configuration.voters.length === 0) return err('no-voters-yet');
  const draft = draftOf(configuration);
  draft.votersOutgoing = new Set(configuration.voters);
  for (const change of changes) makeChange(draft, change);
  if (draft.voters.size === 0) return err('no-voters-left');
  return ok(finish(draft, autoLeave));
}

/** The new voters decide alone from now on, and who was demoted becomes a learner. */
export function leaveJoint(configuration: Configuration): Changed {
  if (!isJoint(configuration)) return err('not-joint');
  const { voters, learners, learnersNext } = configuration;
  const all = sorted(new Set([...learners, ...learnersNext]));
  return ok({ ...EMPTY_CONFIGURATION, voters, learners: all });
}

/** What contradicts itself in a configuration that came from a disk or from a peer; undefined when nothing does. */
export function configurationFault(configuration: Configuration): string | undefined {
  const draft = draftOf(configuration);
  for (const key of ['voters', 'votersOutgoing', 'learners', 'learnersNext'] as const) {
    const given = configuration[key];
    if (given.join() !== sorted(draft[key]).join()) return `${key} is not a sorted set`;
  }
  const joint = isJoint(configuration);
  if (joint && draft.voters.size === 0) return 'no voters to change to';
  if (!joint && configuration.autoLeave) return 'a configuration that is not joint cannot be left';
  if (!draft.learnersNext.isSubsetOf(draft.votersOutgoing)) return 'only outgoing voters wait';
  if (!draft.learnersNext.isDisjointFrom(draft.voters)) return 'a voter waits to be a learner';
  const voting = draft.voters.union(draft.votersOutgoing);
  if (!draft.learners.isDisjointFrom(voting)) return 'a voter is a learner';
  return undefined;
}

interface Draft {
  voters: Set<string>;
  votersOutgoing: Set<string>;
  learners: Set<string>;
  learnersNext: Set<string>;
}

function draftOf(configuration: Configuration): Draft {
  return {
    voters: new Set(configuration.voters),
    votersOutgoing: new Set(configuration.votersOutgoing),
    learners: new Set(configuration.learners),
    learnersNext: new Set(configuration.learnersNext),
  };
}

/** A member has one place among voters and learners, so every change takes it out of its place first. */
function makeChange(draft: Draft, { type, id }: MemberChange): void {
  draft.voters.delete(id);
  draft.learners.delete(id);
  draft.learnersNext.delete(id);
  if (type === 'add-voter') draft.voters.add(id);
  // Its vote still counts in the outgoing half, and nobody votes and learns at once: it has to wait.
  else if (type === 'add-learner' && draft.votersOutgoing.has(id)) draft.learnersNext.add(id);
  else if (type === 'add-learner') draft.learners.add(id);
}

function finish(draft: Draft, autoLeave: boolean): Configuration {
  return {
    voters: sorted(draft.voters),
    votersOutgoing: sorted(draft.votersOutgoing),
    learners: sorted(draft.learners),
    learnersNext: sorted(draft.learnersNext),
    autoLeave,
  };
}

function sorted(ids: ReadonlySet<string>): string[] {
  return [...ids].sort();
}
