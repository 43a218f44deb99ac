/** What a log answers when it cannot do what was asked. */

const SENTENCES = {
  'no-leader': 'no leader was found in time',
  timeout: 'the cluster did not answer in time',
  stopped: 'this node is stopping',
  overloaded: 'too many proposals wait already',
  dropped: 'the connection to the leader broke while it had the proposal',
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

/** The data folder cannot be used; `message` says what is wrong and what to do. The process must not go on with it. */
export class WalError extends Error {
  override readonly name = 'WalError';
  readonly code: 'corrupt' | 'foreign' | 'locked' | 'unusable';

  constructor(code: WalError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
