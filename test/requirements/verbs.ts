/** What the command line for people who run clusters guarantees. */
import type { Requirement } from './requirement.ts';

const PLUGIN = 'feature bar 19: kubectl plugin; cloudnative-pg, internal/cmd/plugin';

export const verbs = {
  'verbs.status': {
    sentence:
      'status draws members with their pods and nodes, every condition that is not as it should be, and the next command',
    source: PLUGIN,
  },
  'verbs.one-field': {
    sentence:
      'A verb writes one field and prints it as it would stand in a file; what it cannot do it says with the field in its way',
    source: PLUGIN,
  },
  'verbs.nobody-overwritten': {
    sentence: 'A verb never overwrites what somebody else wrote after it had read the cluster',
    source: 'Kubernetes API concepts: resourceVersion as a precondition',
  },
  'verbs.dry-run': {
    sentence: 'With --dry-run=server the API server checks everything and stores nothing',
    source: PLUGIN,
  },
  'verbs.errors': {
    sentence:
      'Errors name the field, the clusters there are, or the rule of RBAC that is missing, and end with a code of their own',
    source: PLUGIN,
  },
  'verbs.danger': {
    sentence: 'Where nobody can answer, what is dangerous is done only with --yes',
    source: PLUGIN,
  },
  'verbs.effect': {
    sentence:
      'approve, promote, restart, fence, unfence, hibernate and wake have their effect on a cluster',
    source: PLUGIN,
  },
  'verbs.backup': {
    sentence: 'backup makes a Job of the CronJob of spec.backup, which goes with it',
    source: 'feature bar 19 and 12; kubectl create job --from',
  },
  'verbs.report': {
    sentence:
      'A report holds no data of Secrets, no values of variables, no token, no principal and no whole id of a session',
    source: `${PLUGIN} (report)`,
  },
  'verbs.documented': {
    sentence: 'The page of the plugin is what its help says',
    source: 'design',
  },
  'verbs.plugin': {
    sentence:
      'The real kubectl runs the verbs as kubectl mcp against a cluster that serves sessions',
    source: PLUGIN,
  },
  'verbs.user-roles': {
    sentence:
      'With rbac.aggregate the roles view, edit and admin of Kubernetes reach McpClusters: view reads, edit and admin write',
    source: 'feature bar 19; Kubernetes, RBAC: aggregated ClusterRoles',
  },
} as const satisfies Record<string, Requirement>;
