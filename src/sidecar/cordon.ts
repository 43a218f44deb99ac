/**
 * A member that works but takes no sessions: fenced by the configuration, or asked to drain before its pod is replaced. It
 * goes on forwarding requests and holding the log; a fenced one gives leadership away, too, and leaves
 * elections to the others for as long as one of them can win.
 */
import type { Gateway } from '../gateway/index.ts';
import type { RaftNode } from '../raft/index.ts';
import type { Clock } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';

/** Why a member takes no sessions; empty when it does. */
export type CordonReason = '' | 'asked' | 'fenced';

export interface Cordon {
  reason(): CordonReason;
  /** The operator's wish for as long as this process lives. */
  ask(enabled: boolean): void;
  stop(): void;
}

export interface CordonOptions {
  readonly self: string;
  /** Members that the configuration in force fences. */
  readonly fenced: () => readonly string[];
  readonly raft: Pick<RaftNode, 'status' | 'transferLeadership' | 'avoidLeaders'>;
  readonly gateway: Pick<Gateway, 'cordon' | 'uncordon'> | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How often the configuration is looked at, and a leader that is fenced tries to find another. */
const LOOK_MS = 100;
const TRANSFER_MS = 1_000;

export function createCordon(options: CordonOptions): Cordon {
  const { self, gateway, clock, logger } = options;
  const stopping = new AbortController();
  let asked = false;
  let applied: CordonReason = '';
  let triedAt = -Infinity;
  const wanted = (): CordonReason => {
    if (asked) return 'asked';
    return options.fenced().includes(self) ? 'fenced' : '';
  };
  const apply = (): void => {
    const reason = wanted();
    if (reason === applied) return;
    const wasFree = applied === '';
    applied = reason;
    logger.info('sessions', { taken: reason === '', reason });
    if (reason === '') gateway?.uncordon();
    else if (wasFree) {
      gateway?.cordon().catch((error: unknown) => {
        logger.warn('sessions were not all handed over', { error: String(error) });
      });
    }
  };
  let avoided = '';
  const avoidFenced = (): void => {
    const ids = options.fenced();
    if (avoided === ids.join()) return;
    avoided = ids.join();
    options.raft.avoidLeaders(ids);
  };
  const leaveOffice = (): void => {
    const to = options.fenced().includes(self) ? successor(options) : undefined;
    if (to === undefined || clock.monotonic() - triedAt < TRANSFER_MS) return;
    triedAt = clock.monotonic();
    options.raft.transferLeadership(to, stopping.signal).then(
      () => logger.info('a fenced member has given leadership away', { to }),
      (error: unknown) => logger.warn('a fenced member still leads', { to, error: String(error) }),
    );
  };
  let cancel = (): void => undefined;
  const look = (): void => {
    apply();
    avoidFenced();
    leaveOffice();
    cancel = clock.schedule(LOOK_MS, look);
  };
  look();
  return {
    reason: () => applied,
    ask(enabled) {
      asked = enabled;
      apply();
    },
    stop() {
      stopping.abort();
      cancel();
    },
  };
}

/** The voter that shall lead in place of a fenced leader: not fenced itself, and with most of the log. */
function successor({ self, fenced, raft }: CordonOptions): string | undefined {
  const { role, configuration, progress = [] } = raft.status();
  if (role !== 'leader') return undefined;
  return progress
    .filter(({ id, recentlyActive }) => recentlyActive && configuration.voters.includes(id))
    .filter(({ id }) => id !== self && !fenced().includes(id))
    .toSorted((a, b) => b.matchIndex - a.matchIndex)[0]?.id;
}
