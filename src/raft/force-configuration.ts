/**
 * For when a majority is lost for good: rewrites who takes part on the data folder of a member that is stopped. It breaks what
 * Raft promises if any of the others lives on with its data, so nothing in this program ever does it by itself.
 */
import type { Clock, Random } from '../std/index.ts';
import {
  applyChange,
  configurationOf,
  decodeConfigChange,
  encodeConfigChange,
  isJoint,
  type ConfigChange,
  type Configuration,
  type Entry,
  type MemberChange,
  type StoredState,
} from './core/index.ts';
import { WalError } from './errors.ts';
import { openStorage, type Storage } from './storage.ts';
import type { WalFiles } from './wal-files.ts';
import { readGroup } from './wal-folder.ts';

/** Terms skipped, so that none that the lost members may have begun is ever used for something else. */
const TERMS_SKIPPED = 1_000;

/** What a forced configuration would change; see {@link forceConfiguration}. */
export interface ForcedConfiguration {
  readonly clusterId: string;
  readonly nodeId: string;
  /** In force once everything in the log is applied. */
  readonly before: Configuration;
  readonly after: Configuration;
  readonly term: number;
  readonly lastIndex: number;
  /** Up to here this member knows that a majority agreed; what follows will count as agreed, too. */
  readonly commitIndex: number;
}

export interface ForceOptions {
  readonly files: WalFiles;
  /** The member whose folder it must be. */
  readonly nodeId: string;
  /** Who counts from then on, `nodeId` among them; everybody else is out and must come back with an empty folder. */
  readonly voters: readonly string[];
  /** Goes into the log with the change. */
  readonly reason: string;
  /** Called with the folder locked and before anything is written; false leaves it as it is. */
  readonly confirm: (plan: ForcedConfiguration) => Promise<boolean>;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Makes `voters` the configuration of a stopped member: its whole log counts as committed, and the change follows. Rejects
 * with {@link WalError} when the folder is in use, damaged, or another member's. Returns whether it was done.
 */
export async function forceConfiguration(options: ForceOptions): Promise<boolean> {
  const { files, clock, random } = options;
  const identity = { ...(await readGroup(files)), nodeId: options.nodeId };
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);
  const storage = await openStorage({
    files,
    identity,
    bootstrapVoters: [],
    clock,
    random,
    onFailure: broken.reject,
    onDiskFull: () =>
      broken.reject(new WalError('unusable', 'the disk of the data folder is full')),
  });
  try {
    const { stored } = storage;
    const before = configurationAtEnd(stored);
    const changes = changesTo(before, options.voters, options.reason);
    const after = changes.reduce(follow, before);
    const { term, commit } = stored.hardState;
    const lastIndex = stored.entries.at(-1)?.index ?? stored.snapshot.index;
    const { nodeId, clusterId } = identity;
    const plan = { clusterId, nodeId, before, after, term, lastIndex, commitIndex: commit };
    if (!(await options.confirm(plan))) return false;
    await Promise.race([write(storage, changes, plan), broken.promise]);
    return true;
  } finally {
    await storage.close();
  }
}

/** What will be in force when all of the log is applied, as the core applies it. */
function configurationAtEnd({ snapshot, entries }: StoredState): Configuration {
  let configuration = snapshot.configuration;
  for (const { kind, data } of entries) {
    const change = kind === 'config' ? decodeConfigChange(data) : undefined;
    if (change !== undefined) configuration = follow(configuration, change);
  }
  return configuration;
}

/** A change that does not fit is ignored, as the core ignores it. */
function follow(configuration: Configuration, change: ConfigChange): Configuration {
  const result = applyChange(configuration, change);
  return result.ok ? result.value : configuration;
}

const LEAVE_JOINT: ConfigChange = { transition: 'auto', changes: [] };

/** The changes that lead from one configuration to one of nobody but `voters`. */
function changesTo(
  before: Configuration,
  voters: readonly string[],
  reason: string,
): ConfigChange[] {
  const first = isJoint(before) ? [LEAVE_JOINT] : [];
  const settled = first.reduce(follow, before);
  if (settled.voters.length === 0) {
    throw new WalError('identity', 'this member never knew who takes part, so it has nothing');
  }
  const target = configurationOf(voters).voters;
  const changes: MemberChange[] = [
    ...[...settled.voters, ...settled.learners]
      .filter((id) => !target.includes(id))
      .map((id) => ({ type: 'remove' as const, id })),
    ...target
      .filter((id) => !settled.voters.includes(id))
      .map((id) => ({ type: 'add-voter' as const, id })),
  ];
  if (changes.length === 0) return first;
  // Both halves are written at once: nobody will be there to agree to the second.
  return [...first, { transition: 'joint-explicit', changes, context: reason }, LEAVE_JOINT];
}

/** Resolves when it is on disk. */
function write(
  storage: Storage,
  changes: readonly ConfigChange[],
  plan: ForcedConfiguration,
): Promise<void> {
  const term = plan.term + TERMS_SKIPPED;
  const entries = changes.map((change, i): Entry => {
    const data = encodeConfigChange(change);
    return { index: plan.lastIndex + 1 + i, term, kind: 'config', data };
  });
  const commit = plan.lastIndex + entries.length;
  const hardState = { term, vote: plan.nodeId, commit };
  return new Promise((resolve) => storage.append({ entries, hardState }, resolve));
}
