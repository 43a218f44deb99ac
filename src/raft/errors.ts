/** What a log answers when it cannot do what was asked. */
import { LostEntriesError } from './core/index.ts';

const SENTENCES = {
  'no-leader': 'no leader was found in time',
  timeout: 'the cluster did not answer in time',
  stopped: 'this node is stopping',
  overloaded: 'too many proposals wait already',
  dropped: 'the connection to the leader broke while it had the proposal',
  'not-leader': 'this member does not lead',
  transferring: 'leadership is being handed over',
  removed: 'this member takes no part any more',
  divergent: 'the state of this member differs from that of a majority; it must be replaced',
  'term-uncommitted': 'the leader is new and not confirmed yet',
  'change-pending': 'another change of the configuration is not finished',
  joint: 'a joint configuration is in force: leave it first, by a change without members',
  'not-joint': 'there is no joint configuration to leave',
  'invalid-change': 'the change does not fit the configuration, or would leave no voter',
  'not-caught-up':
    'a member must have nearly all of the log, as a learner, before it becomes a voter',
} as const;

export type RaftErrorCode = keyof typeof SENTENCES;

/** `outcome` says whether a proposal may still be applied: `unknown` must not be retried without an id of one's own. */
export class RaftError extends Error {
  override readonly name = 'RaftError';
  readonly code: RaftErrorCode;
  readonly outcome: 'not-applied' | 'unknown';

  constructor(code: RaftErrorCode, outcome: 'not-applied' | 'unknown') {
    super(SENTENCES[code]);
    this.code = code;
    this.outcome = outcome;
  }
}

/** What to do about a data folder that cannot be used, by the code of the error. */
const REMEDIES = {
  corrupt:
    'Nothing was changed. Restore the folder, or remove it and let this member join again under a new id: what it ' +
    'acknowledged may be lost otherwise',
  hole: 'Nothing was changed. Put the missing file back, or remove the folder and let this member join again under a new id',
  foreign: 'Start with the data folder of this member, or with an empty one',
  format: 'Start with the version of the program that wrote it',
  garbage: 'Move what does not belong there out of the folder',
  identity:
    'Restore the file from where the folder came from, or remove the folder and let this member join again under a new id',
  locked: 'Stop that process, or wait for its end',
  shared:
    'Stop that process, and choose a volume whose file system has POSIX locks. Then remove the folder and let this member join ' +
    'again under a new id: what it acknowledged may be lost',
  'rolled-back':
    'The folder is an older copy of itself, another process wrote to it, or the disk lost what it had flushed. Remove it and let ' +
    'this member join again under a new id',
  failed:
    'Look after the disk of this node: started again, the member goes on with what it finds on it',
  unusable: 'Mount it writable for the user of this process, or choose another one',
  'snapshot-missing':
    'Put the file back, or remove the folder and let this member join again under a new id',
  'snapshot-damaged':
    'Restore the file, or remove the folder and let this member join again under a new id',
  'snapshot-hash': 'What was received is thrown away; it is asked for again',
  'snapshot-size': 'What was received is thrown away; it is asked for again',
  'snapshot-gone': 'A newer one took its place: ask for that',
  closed: 'The log is being closed: nothing needs to be done',
} as const;

export type WalErrorCode = keyof typeof REMEDIES;

/** The data folder cannot be used, or a snapshot; `message` says what is wrong and what to do. */
export class WalError extends Error {
  override readonly name = 'WalError';
  readonly code: WalErrorCode;

  constructor(code: WalErrorCode, what: string, options?: ErrorOptions) {
    super(`${what}. ${REMEDIES[code]}`, options);
    this.code = code;
  }
}

/** What a failure says of the disk, if it does; else the error itself. */
export function asDiskFault(error: Error): Error {
  if (error instanceof LostEntriesError) {
    return new WalError('rolled-back', error.message, { cause: error });
  }
  if (!('syscall' in error)) return error;
  return new WalError('failed', `the disk of the data folder failed: ${error.message}`, {
    cause: error,
  });
}

/** Thrown where nobody catches it: the process ends. */
export function uncaught(error: Error): void {
  queueMicrotask(() => {
    throw error;
  });
}
