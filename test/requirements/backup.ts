/** What `spec.backup` and `spec.bootstrap.restore` guarantee. */
import type { Requirement } from './requirement.ts';

export const backup = {
  'operator.backup-objects': {
    sentence:
      'spec.backup becomes a CronJob, whose schedule goes on while the operator is down: restricted pods without a token of the API, one at a time, the same object for the same spec',
    source: 'feature bar 12; CloudNativePG ScheduledBackup',
  },
  'operator.backup-volume': {
    sentence:
      'Backups lie on a volume that is named, or made and kept when the cluster is deleted unless whenDeleted says Delete',
    source: 'feature bar 12',
  },
  'operator.backup-health': {
    sentence:
      'A backup that fails or was missed is a condition with the last words of its pod, an event, a metric and an alert, until one succeeds',
    source: 'feature bar 12; CloudNativePG LastBackupSucceeded',
  },
  'operator.backup-restored': {
    sentence:
      'A first backup is taken at once and another by hand, one is kept, and a new cluster that begins with it holds the same and goes on with its sessions',
    source: 'feature bar 12; issue 6: a test restores and compares',
  },
  'operator.backup-schedule': {
    sentence:
      'A schedule or time zone that no API server can judge is told with its field, and one that was due and not taken is missed',
    source: 'issue 6: bad input',
  },
  'operator.restore-before-clients': {
    sentence: 'No client is sent to a cluster before it has the backup that it begins with',
    source: 'feature bar 12; CloudNativePG bootstrap.recovery',
  },
} as const satisfies Record<string, Requirement>;
