/**
 * What the best operators of stateful clusters do, as a table: one row for each feature, one line for each part of it, with the
 * requirements that hold us to it. `feature-bar.test.ts` fails for a part that no test on a real kube-apiserver proves.
 */
import type { RequirementId } from '../requirements.ts';

/** Capability levels of the operator framework: basic install, upgrades, life cycle, insights, auto pilot; beyond: none has it. */
type Level = 'I' | 'II' | 'III' | 'IV' | 'V' | 'beyond';

export type Part =
  | { readonly what: string; readonly by: readonly RequirementId[] }
  /** Not there: said openly, and only in the rows of `LATER`. */
  | { readonly what: string; readonly lacks: string };

export interface Feature {
  /** Number of the row, as the `source` of requirements cites it. */
  readonly row: number;
  readonly level: Level;
  readonly feature: string;
  readonly parts: readonly Part[];
}

/** Rows of which parts are missing: failover strategies, sites and chaos are capabilities of their own. */
export const LATER: readonly number[] = [14, 15, 22];

const part = (what: string, ...by: readonly RequirementId[]): Part => ({ what, by });
const lacking = (what: string, lacks: string): Part => ({ what, lacks });

export const FEATURE_BAR: readonly Feature[] = [
  {
    row: 1,
    level: 'I',
    feature: 'A definition that refuses what cannot work',
    parts: [
      part('structural schema and CEL rules', 'api.bad-input', 'api.immutable'),
      part('defaults', 'api.defaults', 'api.samples'),
      part('scale subresource', 'api.scale'),
      part('a webhook for what rules cannot see', 'webhook.refuses', 'webhook.down'),
      part('print columns', 'api.live-for-people'),
    ],
  },
  {
    row: 2,
    level: 'I',
    feature: 'Conditions for programs, a phase for people',
    parts: [
      part('kubectl wait', 'api.live-for-people'),
      part('conditions follow the cluster', 'operator.available', 'operator.degraded'),
    ],
  },
  {
    row: 3,
    level: 'I',
    feature: 'Members in the status',
    parts: [
      part('role, health and log of each member', 'operator.available', 'operator.traffic'),
      part('who leads since when', 'operator.leader-in-status'),
      part('who is to lead while leadership moves', 'operator.promote'),
    ],
  },
  {
    row: 4,
    level: 'I',
    feature: 'Objects that stay as they are meant',
    parts: [
      part('one field manager, owner references', 'operator.delete', 'operator.quiet'),
      part('drift is repaired', 'operator.drift'),
      part('orphans of ours are adopted, foreign objects refused', 'operator.adopts-orphans'),
      part('foreign objects are reported', 'operator.foreign'),
    ],
  },
  {
    row: 5,
    level: 'I',
    feature: 'Escape hatch for pods, inherited metadata',
    parts: [
      part('pod template', 'operator.pod-template'),
      part('inherited metadata', 'operator.inherited-metadata'),
    ],
  },
  {
    row: 6,
    level: 'I',
    feature: 'Secure by default',
    parts: [
      part('restricted pods', 'operator.restricted-pods', 'chart.restricted'),
      part('least privilege', 'operator.least-privilege', 'operator.watch-namespaces'),
      part('NetworkPolicy', 'operator.network-policy', 'operator.network-policy-kept'),
      part('own authority', 'operator.secrets-return'),
      part('rotation on a real API server', 'identity.rotation', 'identity.who-gets-a-certificate'),
      part('a certificate that is not given is seen', 'identity.refusal-is-seen'),
      part('cert-manager', 'issuer.cluster', 'issuer.signs', 'issuer.refusals'),
    ],
  },
  {
    row: 7,
    level: 'II',
    feature: 'Rolling update under control',
    parts: [
      part('OnDelete, one at a time, the leader last', 'operator.rollout', 'operator.hand-over'),
      part('a bad template stops after one pod', 'operator.bad-template'),
      part('the rule that blocks each pod in the status', 'operator.bad-template'),
    ],
  },
  {
    row: 8,
    level: 'II',
    feature: 'Supervised updates and versions that may meet',
    parts: [
      part('supervised', 'operator.supervised'),
      part('version skew', 'operator.version-skew'),
      part('upgrade of the operator itself', 'operator.upgrade', 'chart.life'),
    ],
  },
  {
    row: 9,
    level: 'II',
    feature: 'Configuration without a restart',
    parts: [
      part('what pods take over while they run', 'operator.policies-live'),
      part('what they cannot is hashed', 'operator.config-hash'),
    ],
  },
  {
    row: 10,
    level: 'III',
    feature: 'Safe changes of who takes part',
    parts: [
      part('learner first, removal first', 'operator.scale'),
      part('crash-safe between steps', 'operator.membership-crash', 'operator.crash-safe'),
      part('as its own metric asks for', 'operator.autoscaling'),
    ],
  },
  {
    row: 11,
    level: 'III',
    feature: 'Volumes',
    parts: [
      part('kept or deleted, as the spec says', 'operator.retention', 'operator.scale'),
      part('grow, refuse to shrink', 'operator.volumes-grow', 'api.immutable'),
      part('no member comes back with a former one’s data', 'operator.unusable-data'),
    ],
  },
  {
    row: 12,
    level: 'III',
    feature: 'Backup and restore',
    parts: [
      part('scheduled, with retention', 'operator.backup-restored', 'operator.least-privilege'),
      part('a failure is seen', 'operator.backup-restored'),
      part('restore into a new cluster', 'operator.backup-restored', 'api.immutable'),
    ],
  },
  {
    row: 13,
    level: 'III',
    feature: 'What people on call need',
    parts: [
      part('fencing', 'operator.fenced'),
      part('hibernation', 'operator.hibernated'),
      part('pause', 'operator.paused'),
      part('maintenance window', 'operator.maintenance-window'),
    ],
  },
  {
    row: 14,
    level: 'III',
    feature: 'Failover strategies',
    parts: [
      part('one leader acts: the operator', 'operator.one-leader-acts'),
      part('a lost pod goes only when its lease is over', 'operator.lost-node'),
      part('who is cut off serves nobody beyond its lease', 'nodes.self-fencing'),
      lacking(
        'active/passive, N+1, promotion tokens',
        'only ActiveActive: sessions move by compare-and-swap on their epoch',
      ),
    ],
  },
  {
    row: 15,
    level: 'III',
    feature: 'More than one site',
    parts: [lacking('demotion and promotion tokens', 'a cluster is one site')],
  },
  {
    row: 16,
    level: 'III',
    feature: 'Disruptions and placement',
    parts: [
      part('a budget that counts the quorum', 'operator.eviction-quorum'),
      part('spread and anti-affinity', 'operator.placement'),
      part('a node cut off', 'operator.cut-node'),
      part('nodes drained, pods evicted', 'nodes.drain', 'nodes.eviction'),
    ],
  },
  {
    row: 17,
    level: 'IV',
    feature: 'Metrics, rules, dashboards',
    parts: [
      part('metrics', 'metrics.promtool', 'rules.real-names'),
      part('dashboards', 'dashboards.no-empty-panel'),
      part('monitors and rules of the chart', 'chart.accepted', 'chart.monitors-by-capability'),
    ],
  },
  {
    row: 18,
    level: 'IV',
    feature: 'Events with stable reasons, counted',
    parts: [part('events', 'operator.events-counted')],
  },
  {
    row: 19,
    level: 'IV',
    feature: 'A plugin for kubectl',
    parts: [
      part('what people see', 'verbs.plugin', 'verbs.errors'),
      part('approve, promote, restart, fence, hibernate', 'verbs.effect'),
      part('report, backup', 'verbs.report', 'verbs.backup'),
      part('rights of people', 'verbs.user-roles'),
    ],
  },
  {
    row: 20,
    level: 'V',
    feature: 'After the loss of a majority',
    parts: [part('explicit, audited, one command', 'operator.recovery')],
  },
  {
    row: 21,
    level: 'V',
    feature: 'Self-healing',
    parts: [
      part('lost volume', 'operator.lost-volume'),
      part('corrupt member', 'operator.unusable-data'),
      part('lost node', 'operator.lost-node'),
      part('crash loop', 'operator.degraded'),
      part('pod that finds no node', 'operator.placement'),
      part('Secrets deleted', 'operator.secrets-return'),
      part('clock that jumps', 'operator.clock-jumps'),
      part('API server that fails', 'operator.api-faults', 'operator.api-down'),
    ],
  },
  {
    row: 22,
    level: 'beyond',
    feature: 'Chaos experiments in the same API',
    parts: [lacking('ChaosExperiment', 'faults come from the tests alone')],
  },
];
