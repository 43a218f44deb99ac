/** What a member tells about its log. */
import type { CounterMetric, HistogramMetric, Metrics } from '../telemetry/index.ts';
import type { RaftStatus } from './types.ts';

const FSYNC_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1];

/** What is known of the requests of callers. */
export interface RequestCounts {
  readonly proposalsWaiting: number;
  readonly readsWaiting: number;
  /** How many proposals ended since the last call, and how. */
  takeEnded(): ReadonlyMap<string, number>;
}

export interface RaftMetrics {
  readonly leaderChanges: CounterMetric;
  readonly fsync: HistogramMetric;
  /** Its numbers, as gauges. */
  state(now: RaftStatus): void;
  /** What waits, and what ended since the last call. */
  queues(requests: RequestCounts, writes: number): void;
}

export function createRaftMetrics(metrics: Metrics): RaftMetrics {
  const term = metrics.gauge('raft_term', 'Current term.');
  const commitIndex = metrics.gauge('raft_commit_index', 'Index of the last committed entry.');
  const appliedIndex = metrics.gauge('raft_applied_index', 'Index of the last applied entry.');
  const hasLeader = metrics.gauge('raft_has_leader', '1 while this member knows a leader.');
  const members = metrics.gauge(
    'raft_configuration_members',
    'Members of the configuration in force here, by their part in it.',
    ['part'],
  );
  const diskFull = metrics.gauge('raft_disk_full', '1 while the disk has no room for the log.');
  const snapshotIndex = metrics.gauge('raft_snapshot_index', 'Last entry in the latest snapshot.');
  const isLeader = metrics.gauge('raft_is_leader', '1 on the leader, 0 elsewhere.');
  const divergent = metrics.gauge(
    'raft_state_divergent',
    '1 when the state of this member differs from that of a majority.',
  );
  const queue = metrics.gauge('raft_waiting', 'What waits on this member.', ['queue']);
  const proposals = metrics.counter('raft_proposals_total', 'Proposals made on this member.', [
    'result',
  ]);
  return {
    leaderChanges: metrics.counter('raft_leader_changes_total', 'Leaders seen by this member.'),
    fsync: metrics.histogram(
      'wal_fsync_duration_seconds',
      'Writing and flushing the write-ahead log.',
      [],
      FSYNC_BUCKETS,
    ),
    state(now) {
      term.set(now.term);
      commitIndex.set(now.commitIndex);
      appliedIndex.set(now.appliedIndex);
      hasLeader.set(now.leaderId === undefined ? 0 : 1);
      members.set(now.voters.length, { part: 'voter' });
      members.set(now.learners.length, { part: 'learner' });
      diskFull.set(now.diskFull ? 1 : 0);
      snapshotIndex.set(now.snapshotIndex);
      isLeader.set(now.role === 'leader' ? 1 : 0);
      divergent.set(now.divergent ? 1 : 0);
    },
    queues(requests, writes) {
      queue.set(requests.proposalsWaiting, { queue: 'proposals' });
      queue.set(requests.readsWaiting, { queue: 'reads' });
      queue.set(writes, { queue: 'writes' });
      for (const [result, count] of requests.takeEnded()) proposals.inc({ result }, count);
    },
  };
}
