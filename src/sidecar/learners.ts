/**
 * Who receives the log without counting: pods that gossip shows alive are let in as learners, and those that left or stay
 * dead are taken out again. Voters are a matter for people and the operator: gossip never decides about them.
 */
import type { Membership } from '../gossip/index.ts';
import type { Configuration, MemberChange, RaftNode } from '../raft/index.ts';
import type { Clock } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';

/** How often the leader looks at what no event tells: that a member has been dead for long, that a change may be tried again. */
const CHECK_INTERVAL_MS = 1_000;

type Seen = ReturnType<Membership['members']>[number];

export interface LearnerKeeperOptions {
  readonly raft: Pick<RaftNode, 'status' | 'onStatus' | 'changeMembership'>;
  readonly membership: Pick<Membership, 'members' | 'onChange'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a learner may be dead, as this leader sees it, before it is taken out. */
  readonly deadAfterMs: number;
}

/**
 * The next change that brings the learners in line with what gossip sees; undefined when they are. `deadForMs` tells how
 * long a member has been gone.
 */
export function nextLearnerChange(
  configuration: Configuration,
  members: readonly Pick<Seen, 'id' | 'state'>[],
  deadForMs: (id: string) => number,
  deadAfterMs: number,
): MemberChange | undefined {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  // A joint configuration is somebody's change on its way.
  if (votersOutgoing.length > 0) return undefined;
  const taking = new Set([...voters, ...learners, ...learnersNext]);
  const states = new Map(members.map(({ id, state }) => [id, state]));
  const gone = learners.find(
    (id) => states.get(id) === 'left' || (!isThere(states.get(id)) && deadForMs(id) >= deadAfterMs),
  );
  if (gone !== undefined) return { type: 'remove', id: gone };
  const newcomer = members.find(({ id, state }) => state === 'alive' && !taking.has(id));
  return newcomer === undefined ? undefined : { type: 'add-learner', id: newcomer.id };
}

const isThere = (state: Seen['state'] | undefined): boolean =>
  state === 'alive' || state === 'suspect';

/** Keeps the learners while this member leads, one change at a time; returns the function that ends it. */
export function keepLearners(options: LearnerKeeperOptions): () => void {
  const { raft, membership, clock, logger, deadAfterMs } = options;
  const stopping = new AbortController();
  /** When this leader first saw a learner gone; a new leader begins to count anew. */
  const goneSince = new Map<string, number>();
  let changing = false;
  let cancelCheck = (): void => undefined;

  const observe = (learners: readonly string[]): void => {
    const states = new Map(membership.members().map(({ id, state }) => [id, state]));
    for (const id of goneSince.keys()) {
      if (!learners.includes(id) || isThere(states.get(id))) goneSince.delete(id);
    }
    for (const id of learners) {
      if (!isThere(states.get(id)) && !goneSince.has(id)) goneSince.set(id, clock.monotonic());
    }
  };

  const change = async (step: MemberChange): Promise<void> => {
    changing = true;
    const changed = await raft
      .changeMembership({ transition: 'auto', changes: [step] }, stopping.signal)
      .then(
        () => true,
        (error: unknown) => {
          // Whatever it was, the next look decides anew.
          logger.debug('learners could not be changed yet', { ...step, error: String(error) });
          return false;
        },
      );
    changing = false;
    if (!changed) return;
    logger.info('learners changed', { ...step });
    check();
  };

  const check = (): void => {
    if (stopping.signal.aborted) return;
    const { role, configuration } = raft.status();
    if (role !== 'leader') return goneSince.clear();
    observe(configuration.learners);
    if (changing) return;
    const deadForMs = (id: string): number =>
      clock.monotonic() - (goneSince.get(id) ?? clock.monotonic());
    const step = nextLearnerChange(configuration, membership.members(), deadForMs, deadAfterMs);
    if (step !== undefined) void change(step);
  };

  const checkAgain = (): void => {
    check();
    cancelCheck = clock.schedule(CHECK_INTERVAL_MS, checkAgain);
  };
  const stops = [membership.onChange(check), raft.onStatus(check)];
  checkAgain();
  return () => {
    stopping.abort();
    cancelCheck();
    for (const stop of stops) stop();
  };
}
