/** The status of a member, made from what its core says, and when it is worth telling. */
import { configurationOf, type CoreStatus, type RaftCore } from './core/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { KnownDisks } from './known-disks.ts';
import type { RaftMetrics } from './raft-metrics.ts';
import type { Storage } from './storage.ts';
import type { RaftStatus } from './types.ts';

interface Local {
  readonly id: string;
  readonly voters: readonly string[];
  readonly diskFull: boolean;
  readonly replaced: boolean;
  /** Undefined before the log is open, like what is known of the peers. */
  readonly storage: Pick<Storage, 'diskId' | 'snapshot'> | undefined;
  readonly disks: Pick<KnownDisks, 'get'> | undefined;
}

/** What is known before the log is open (no core) is only who is to found the cluster. */
export function statusOf(local: Local, core: RaftCore | undefined): RaftStatus {
  const { id, storage, diskFull, replaced } = local;
  const status = core?.status();
  const configuration = status?.configuration ?? configurationOf(local.voters);
  const { voters, learners } = configuration;
  return {
    nodeId: id,
    role: roleOf(id, status, voters, configuration.votersOutgoing),
    ...(status?.leaderId === undefined ? {} : { leaderId: status.leaderId }),
    term: status?.term ?? 0,
    commitIndex: status?.commitIndex ?? 0,
    appliedIndex: status?.appliedIndex ?? 0,
    firstIndex: status?.firstIndex ?? 0,
    lastIndex: status?.lastIndex ?? 0,
    lastTerm: status?.lastTerm ?? 0,
    snapshotIndex: storage?.snapshot()?.meta.index ?? 0,
    configuration,
    voters,
    learners,
    removed: status?.removed ?? false,
    divergent: status?.divergent ?? false,
    diskFull,
    replaced,
    diskId: storage?.diskId ?? '',
    ...(status?.role === 'leader' && core !== undefined
      ? { progress: progressOf(core, local) }
      : {}),
  };
}

function roleOf(
  id: string,
  status: CoreStatus | undefined,
  voters: readonly string[],
  outgoing: readonly string[],
): RaftStatus['role'] {
  if (!voters.includes(id) && !outgoing.includes(id)) return 'learner';
  if (status === undefined) return 'follower';
  return status.role === 'pre-candidate' ? 'candidate' : status.role;
}

function progressOf(core: RaftCore, local: Local): NonNullable<RaftStatus['progress']> {
  return core.progress().map(({ id, match, state, recentlyActive }) => {
    const diskId = id === local.id ? local.storage?.diskId : local.disks?.get(id);
    return {
      id,
      matchIndex: match,
      state,
      recentlyActive,
      ...(diskId === undefined ? {} : { diskId }),
    };
  });
}

/** Tells those who listen, and the log, what is new. */
export class StatusBoard {
  readonly #logger: Logger;
  readonly #metrics: RaftMetrics;
  readonly #listeners = new Set<(status: RaftStatus) => void>();
  #last: RaftStatus | undefined;
  #lastCore: CoreStatus | undefined;

  constructor(logger: Logger, metrics: RaftMetrics) {
    this.#logger = logger;
    this.#metrics = metrics;
  }

  subscribe(listener: (status: RaftStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** True when something changed that does not change all the time; asked so often that it must cost nothing. */
  isNews(core: CoreStatus, { diskFull, replaced }: Pick<Local, 'diskFull' | 'replaced'>): boolean {
    const last = this.#lastCore;
    const isOld =
      last !== undefined &&
      last.term === core.term &&
      last.role === core.role &&
      last.leaderId === core.leaderId &&
      last.configuration === core.configuration &&
      last.removed === core.removed &&
      last.divergent === core.divergent &&
      this.#last?.diskFull === diskFull &&
      this.#last.replaced === replaced;
    return !isOld;
  }

  /** Tells `status`, which is that of `core`. */
  report(status: RaftStatus, core: CoreStatus): void {
    const last = this.#last;
    this.#last = status;
    this.#lastCore = core;
    this.#metrics.state(status);
    const { leaderId, term, role, divergent } = status;
    if (leaderId !== undefined && leaderId !== last?.leaderId) this.#metrics.leaderChanges.inc();
    this.#logger.info('raft status', { term, role, leader: leaderId });
    if (divergent && last?.divergent !== true) {
      const advice = 'remove this member, delete its data, and add it anew';
      this.#logger.error('the state of this member differs from that of a majority', { advice });
    }
    for (const listener of [...this.#listeners]) listener(status);
  }
}
