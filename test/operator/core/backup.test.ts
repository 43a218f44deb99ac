/** The objects of backups, what their Jobs come to, and when a schedule was missed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { McpCluster, McpClusterSpec, McpClusterStatus } from '../../../src/api/index.ts';
import { backupSchedule } from '../../../src/operator/backup-schedule.ts';
import {
  backupClaim,
  backupCronJob,
  firstBackupJob,
  restoreJob,
} from '../../../src/operator/core/backup.ts';
import {
  backupHealthy,
  backupStatus,
  restored,
  restoreStatus,
  type JobRun,
} from '../../../src/operator/core/backup-health.ts';
import { endpointSlice, networkPolicy } from '../../../src/operator/core/index.ts';
import type { CronJob, Job, Pod } from '../../../src/operator/core/shapes.ts';
import { compareStatus, statusOf } from '../../../src/operator/core/status.ts';
import { transitions } from '../../../src/operator/core/transitions.ts';
import { defaultedSpec } from '../../api/defaulted.ts';
import { verifies } from '../../requirements.ts';
import { cluster, view } from './fixtures.ts';
import { states, status as statusLike } from './status-fixtures.ts';

type Backup = NonNullable<McpClusterSpec['backup']>;
const IMAGE = 'registry.example.com/mcp-cluster:2';

/** `spec` as the API server would hand it out. */
function withBackup(changes: object = {}, status?: McpClusterStatus): McpCluster {
  const backup = { schedule: '15 2 * * *', volume: { size: '2Gi' }, ...changes };
  const { backup: defaulted } = defaultedSpec({ server: { image: 'x' }, backup });
  return cluster({ backup: defaulted as Backup }, status);
}
const bootstrap = { restore: { claimName: 'old-backup' } };

test(verifies('operator.backup-objects'), () => {
  const asked = withBackup({
    timeZone: 'Europe/Berlin',
    startingDeadlineSeconds: 600,
    retention: { count: 3 },
  });
  const made = backupCronJob(asked, { image: IMAGE, suspended: false });
  assert.deepEqual(made, backupCronJob(asked, { image: IMAGE, suspended: false }));
  const { metadata, spec } = made as unknown as { metadata: object; spec: Record<string, never> };
  assert.partialDeepStrictEqual(metadata, {
    name: 'tools-backup',
    ownerReferences: [{ kind: 'McpCluster', uid: 'uid-1', controller: true }],
  });
  const { jobTemplate, ...schedule } = spec;
  assert.deepEqual(schedule, {
    schedule: '15 2 * * *',
    timeZone: 'Europe/Berlin',
    suspend: false,
    concurrencyPolicy: 'Forbid',
    startingDeadlineSeconds: 600,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 3,
  });
  const { template } = (jobTemplate as unknown as { spec: { template: Pod & { spec: object } } })
    .spec;
  assert.partialDeepStrictEqual(template.spec, {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        image: IMAGE,
        args: [
          'backup',
          '--at=tools-peers.team.svc:7000',
          '--identity-dir=/etc/mcp-cluster/identity',
          '--dir=/backups',
          '--keep=3',
        ],
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
      },
    ],
  });
  // Let in as one that takes backups, and taken for no member.
  const { labels = {} } = template.metadata;
  assert.ok(
    JSON.stringify(networkPolicy(asked, 'system')).includes('"mcpcluster.io/backup-of":"tools"'),
  );
  assert.equal(labels['mcpcluster.io/backup-of'], 'tools');
  assert.equal(labels['mcpcluster.io/cluster'], undefined);

  assert.equal(backupCronJob(cluster(), { image: IMAGE, suspended: false }), undefined);
  const suspended = backupCronJob(asked, { image: IMAGE, suspended: true });
  assert.equal((suspended as unknown as { spec: { suspend: boolean } }).spec.suspend, true);
});

test(verifies('operator.backup-volume'), () => {
  const kept = backupClaim(withBackup());
  assert.partialDeepStrictEqual(kept, {
    metadata: { name: 'tools-backup' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } } },
  });
  assert.equal(kept?.metadata.ownerReferences, undefined);
  const going = withBackup({
    volume: { size: '2Gi', storageClassName: 'fast', whenDeleted: 'Delete' },
  });
  assert.partialDeepStrictEqual(backupClaim(going), {
    metadata: { ownerReferences: [{ uid: 'uid-1' }] },
    spec: { storageClassName: 'fast' },
  });
  const own = withBackup({ volume: { claimName: 'ours' } });
  assert.equal(backupClaim(own), undefined);
  const cronJob = JSON.stringify(backupCronJob(own, { image: IMAGE, suspended: false }));
  assert.match(cronJob, /"claimName":"ours"/);
});

test('the first backup is a Job of the CronJob, the restore one of the cluster', () => {
  const asked = withBackup();
  const made = backupCronJob(asked, { image: IMAGE, suspended: false }) as unknown as CronJob;
  const cronJob = { ...made, metadata: { ...made.metadata, uid: 'cron-1' } };
  assert.partialDeepStrictEqual(firstBackupJob(asked, cronJob), {
    metadata: {
      name: 'tools-backup-first',
      namespace: 'team',
      labels: { 'mcpcluster.io/cluster': 'tools' },
      ownerReferences: [{ kind: 'CronJob', name: 'tools-backup', uid: 'cron-1', controller: true }],
    },
    spec: made.spec?.jobTemplate?.spec,
  });
  assert.equal(restoreJob(asked, IMAGE), undefined);
  const newest = JSON.stringify(restoreJob(cluster({ bootstrap }), IMAGE));
  assert.match(newest, /"restore","--at=tools-peers.team.svc:7000".*"--dir=\/backups"/);
  assert.match(newest, /"mountPath":"\/backups","readOnly":true/);
  const file = { restore: { claimName: 'old-backup', file: 'a-20260101T000000Z.backup' } };
  const named = JSON.stringify(restoreJob(cluster({ bootstrap: file }), IMAGE));
  assert.match(named, /"--from=\/backups\/a-20260101T000000Z.backup"/);
});

/** A Job that ended, or has not yet. */
function run(
  name: string,
  end: { type: 'Complete' | 'Failed'; at: string } | undefined,
  said?: string,
): JobRun {
  const conditions =
    end === undefined
      ? []
      : [
          {
            type: end.type,
            status: 'True',
            reason: end.type === 'Failed' ? 'BackoffLimitExceeded' : 'CompletionsReached',
            message: 'as often as it may',
            lastTransitionTime: end.at,
          },
        ];
  const job: Job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    status: { conditions, ...(end?.type === 'Complete' ? { completionTime: end.at } : {}) },
  };
  const terminated = { exitCode: 2, message: `starts\n${said}\n` };
  const container = { name: 'backup', ready: false, restartCount: 0, state: { terminated } };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {},
    status: { containerStatuses: [container] },
  };
  return { job, pods: said === undefined ? [] : [pod] };
}
const done = (at: string): JobRun => run('done', { type: 'Complete', at });
const broken = (at: string): JobRun =>
  run('broken', { type: 'Failed', at }, 'no space left on device');
const usable = { kind: 'usable', next: '2026-02-03T02:15:00Z' } as const;

test(verifies('operator.backup-health'), () => {
  const asked = withBackup();
  const [first, second, third] = [1, 2, 3].map((day) => `2026-02-0${day}T02:15:09Z`) as [
    string,
    string,
    string,
  ];
  const judge = (runs: readonly JobRun[], before?: McpClusterStatus['backup'], of = asked) => {
    const remembered = backupStatus(before, runs);
    const { status, reason, message } = backupHealthy(of, remembered, usable);
    return { remembered, verdict: `${status} ${reason}`, message };
  };
  assert.equal(judge([]).verdict, 'Unknown Waiting');
  assert.equal(judge([run('busy', undefined)]).verdict, 'Unknown Waiting');

  const good = judge([done(second), done(first)]);
  assert.equal(good.verdict, 'True BackedUp');
  assert.equal(good.remembered?.lastSuccessTime, second);
  const bad = judge([done(second), broken(third), broken(first)]);
  assert.equal(bad.verdict, 'False BackupFailed');
  assert.match(
    bad.message,
    /Job broken: no space left on device .*BackoffLimitExceeded.*2026-02-02/,
  );
  assert.deepEqual(bad.remembered?.lastFailureTime, third);
  // The Jobs are gone; what they said is not. A later success ends it.
  assert.equal(judge([], bad.remembered).verdict, 'False BackupFailed');
  const later = '2026-02-04T02:15:00Z';
  const mended = judge([done(later)], bad.remembered);
  assert.equal(mended.verdict, 'True BackedUp');
  assert.equal(mended.remembered?.lastFailureTime, third);

  const paused = withBackup({ suspend: true });
  assert.equal(judge([done(second)], undefined, paused).verdict, 'Unknown Suspended');
  assert.equal(judge([broken(third)], undefined, paused).verdict, 'False BackupFailed');
  const missed = backupHealthy(asked, good.remembered, { ...usable, missed: third });
  assert.equal(`${missed.status} ${missed.reason}`, 'False Overdue');
});

test(verifies('operator.backup-schedule'), () => {
  const at = (time: string): number => Date.parse(time);
  const asked = withBackup({ timeZone: 'Europe/Berlin' });
  const since = at('2026-03-27T01:15:00Z');
  const judge = (now: string, of = asked) => backupSchedule(of, { sinceMs: since, nowMs: at(now) });
  assert.deepEqual(judge('2026-03-28T02:19:00Z'), {
    kind: 'usable',
    // There is no quarter past two on the 29th.
    next: '2026-03-30T00:15:00Z',
    missed: undefined,
  });
  // An hour for the backup and five minutes to begin it.
  assert.partialDeepStrictEqual(judge('2026-03-28T02:20:01Z'), { missed: '2026-03-28T01:15:00Z' });
  const patient = withBackup({ timeZone: 'Europe/Berlin', startingDeadlineSeconds: 60 });
  assert.partialDeepStrictEqual(judge('2026-03-28T02:20:01Z', patient), { missed: undefined });
  assert.equal(judge('2026-03-28T00:00:00Z', cluster()), undefined);

  const unusable = (changes: object): string => {
    const found = judge('2026-03-28T00:00:00Z', withBackup(changes));
    assert.equal(found?.kind, 'unusable');
    return (found as { message: string }).message;
  };
  assert.match(unusable({ schedule: '0 0 30 2 *' }), /^spec.backup.schedule: .*names no day/);
  assert.match(unusable({ schedule: '0 22-3 * * *' }), /^spec.backup.schedule: /);
  assert.match(unusable({ timeZone: 'Mars/Olympus' }), /^spec.backup.timeZone: .*Mars/);
  const condition = backupHealthy(asked, undefined, { kind: 'unusable', message: 'x' });
  assert.equal(`${condition.status} ${condition.reason}`, 'False ScheduleUnusable');
});

test(verifies('operator.restore-before-clients'), () => {
  const seen = view();
  const ready = (of: McpCluster): unknown[] =>
    (
      endpointSlice(of, seen.members) as unknown as { endpoints: { conditions: object }[] }
    ).endpoints.map(({ conditions }) => conditions);
  const away = { ready: false, serving: false, terminating: false };
  const there = { ready: true, serving: true, terminating: false };
  const after = (phase: 'Restoring' | 'Done') => cluster({ bootstrap }, { restore: { phase } });
  assert.deepEqual(ready(cluster({ bootstrap })), [away, away, away]);
  assert.deepEqual(ready(after('Restoring')), [away, away, away]);
  assert.deepEqual(ready(after('Done')), [there, there, there]);
  const made = statusLike(seen, { spec: { bootstrap } });
  assert.equal(states(made)['Available'], 'False Restoring');
  assert.equal(made.phase, 'Creating');
});

test('how far a restore is', () => {
  const verdict = (of: ReturnType<typeof restoreStatus>): string => {
    const { status, reason, message } = restored(of);
    return `${status} ${reason}: ${message}`;
  };
  assert.match(verdict(restoreStatus(undefined, false)), /^False Waiting: .*leader/);
  assert.match(verdict(restoreStatus(undefined, true)), /^False Waiting: its Job/);
  const busy = run('tools-restore', undefined, 'holds no backup');
  assert.match(verdict(restoreStatus(busy, true)), /^False Restoring: .*holds no backup/);
  const failed = run('tools-restore', { type: 'Failed', at: '2026-02-01T00:00:00Z' }, 'was cut');
  assert.match(
    verdict(restoreStatus(failed, true)),
    /^False RestoreFailed: .*was cut.*kubectl delete job tools-restore/,
  );
  const over = run('tools-restore', { type: 'Complete', at: '2026-02-01T00:00:00Z' });
  assert.equal(
    verdict(restoreStatus(over, true)),
    'True Restored: restored at 2026-02-01T00:00:00Z',
  );
});

test('what becomes of backups is in the status, and an event when it changes', () => {
  const base = {
    view: view(),
    size: { replicas: 3, voters: 3 },
    rollout: { kind: 'done' } as const,
  };
  const of = (backup: JobRun[], before?: McpClusterStatus) => {
    const asked = withBackup({}, before);
    const remembered = backupStatus(before?.backup, backup);
    return statusOf(asked, {
      ...base,
      problem: undefined,
      hibernated: false,
      now: '2026-02-05T00:00:00Z',
      backups: { backup: remembered, conditions: [backupHealthy(asked, remembered, usable)] },
    });
  };
  const good = of([done('2026-02-01T02:15:09Z')]);
  const bad = of([broken('2026-02-02T02:15:09Z')], good);
  const mended = of([done('2026-02-03T02:15:09Z')], bad);
  assert.equal(states(bad)['BackupHealthy'], 'False BackupFailed');
  assert.equal(bad.backup?.lastSuccessTime, '2026-02-01T02:15:09Z');
  assert.equal(compareStatus(good, bad), 'facts');
  const events = (before: McpClusterStatus, after: McpClusterStatus) =>
    transitions(before, after).map(({ type, reason }) => `${type} ${reason}`);
  assert.deepEqual(events(good, bad), ['Warning BackupFailed']);
  assert.deepEqual(events(bad, mended), ['Normal BackupRecovered']);
  assert.equal(
    states(statusOf(cluster(), { ...base, problem: undefined, hibernated: false, now: 'x' }))[
      'BackupHealthy'
    ],
    undefined,
  );
});
