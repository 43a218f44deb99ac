/** Alerts and recordings as groups of Prometheus rules. */
import { SITE } from '../chart.ts';
import { BACKUP_ALERTS } from './alerts/backups.ts';
import { CLUSTER_ALERTS } from './alerts/clusters.ts';
import { MEMBER_ALERTS } from './alerts/members.ts';
import { OPERATOR_ALERTS } from './alerts/operator.ts';
import { SESSION_ALERTS } from './alerts/sessions.ts';
import type { Alerts } from './model.ts';
import { RECORDINGS } from './recordings.ts';

const ALERT_GROUPS = {
  'mcp-operator': OPERATOR_ALERTS,
  'mcp-clusters': CLUSTER_ALERTS,
  'mcp-backups': BACKUP_ALERTS,
  'mcp-members': MEMBER_ALERTS,
  'mcp-sessions': SESSION_ALERTS,
} as const;

/** Folder of the runbooks, from the root of the repository. */
export const RUNBOOKS = 'docs/runbooks';

/** Every alert by its name. */
export const ALERTS: Alerts = Object.assign({}, ...Object.values(ALERT_GROUPS));

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The content of a file of rules, which is also the spec of a PrometheusRule. */
export function ruleGroups(): { groups: { name: string; rules: Rule[] }[] } {
  return {
    groups: [
      { name: 'mcp-recordings', rules: RECORDINGS.map(({ record, expr }) => ({ record, expr })) },
      ...Object.entries(ALERT_GROUPS).map(([name, alerts]) => ({ name, rules: rulesOf(alerts) })),
    ],
  };
}

function rulesOf(alerts: Alerts): Rule[] {
  return Object.entries(alerts).map(([alert, { expr, for: holds, severity, ...rest }]) => ({
    alert,
    expr,
    for: holds,
    labels: { severity, ...rest.labels },
    annotations: {
      summary: rest.summary,
      description: rest.description,
      runbook_url: `${SITE}/blob/main/${RUNBOOKS}/${alert}.md`,
    },
  }));
}
