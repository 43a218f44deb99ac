/** Alerts about the backups of clusters, as the operator sees them. */
import { LOOK, OF_CLUSTER, type Alerts } from '../model.ts';

const { describe, members } = LOOK;

export const BACKUP_ALERTS: Alerts = {
  McpClusterBackupFailing: {
    expr: 'mcp_cluster_status_condition{type="BackupHealthy",status="False"} == 1',
    for: '15m',
    severity: 'warning',
    labels: OF_CLUSTER,
    summary: 'McpCluster {{ $labels.namespace }}/{{ $labels.name }} has no fresh backup',
    description:
      'The last backup that spec.backup asks for has failed, or none was taken when one was due.',
    runbook: {
      meaning:
        'Condition BackupHealthy is False. BackupFailed: the last Job has failed, after retries. Overdue: no Job did what the schedule asks for. ScheduleUnusable: schedule or time zone cannot be used.',
      impact:
        'Clients notice nothing. What was agreed on since the last good backup is lost with the volumes of a majority; status.backup.lastSuccessTime and the metric mcp_cluster_backup_last_success_timestamp_seconds say when that was.',
      diagnose: [
        describe,
        {
          say: 'CronJob, Jobs and pods of the backup:',
          run: 'kubectl get cronjobs,jobs,pods -n "$NS" -o wide | grep "$CLUSTER-backup"',
        },
        {
          say: 'What the pods of the backup said:',
          run: 'kubectl logs -n "$NS" -l mcpcluster.io/backup-of="$CLUSTER" --tail=20 --prefix',
        },
        {
          say: 'Why a pod of it does not start (volume, node, image):',
          run: 'kubectl describe pods -n "$NS" -l mcpcluster.io/backup-of="$CLUSTER"',
        },
        members,
      ],
      mend: [
        'No space left: raise spec.backup.volume.size, or lower spec.backup.retention.count.',
        'No connection to a member: a majority must be there; a network plugin must let pods with the label mcpcluster.io/backup-of reach port 7000.',
        'A volume that attaches to one node only and is in use on another: give the backups one of their own, or one that many nodes can mount.',
        'Then take one at once: kubectl create job -n "$NS" --from=cronjob/"$CLUSTER-backup" "$CLUSTER-backup-now". The alert ends when it is complete.',
      ],
    },
  },
};
