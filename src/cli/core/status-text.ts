/** A cluster as people read it on a terminal. */
import { tableLines, withoutEmptyColumns } from './table.ts';
import type { MemberRow, StatusView, Trouble } from './status-view.ts';

const MEMBERS = [
  ...['MEMBER', 'ROLE', 'PART', 'READY', 'HEALTH', 'LAG', 'SESSIONS', 'VERSION'],
  ...['NODE', 'ZONE', 'RESTARTS', 'CORDON', 'WAITS FOR'],
];

/** How long ago an instant of the API was, in ms; below 0 when it is still to come. */
export type Age = (instant: string) => number;

/** Lines for a terminal. */
export function statusLines(view: StatusView, ageMs: Age): string[] {
  return [
    ...headLines(view, ageMs),
    '',
    ...tableLines(withoutEmptyColumns([MEMBERS, ...view.members.map(memberCells)])),
    ...view.members.flatMap(({ name, message }) =>
      message === undefined ? [] : [`  ${name}: ${message}`],
    ),
    '',
    ...troubleLines(view.troubles, ageMs),
    ...view.expiries.map(({ what, endsAt }) => `${what} ends ${endsAt}, ${agoOrIn(ageMs(endsAt))}`),
    ...(view.lastCommand === undefined ? [] : [`Last command: ${view.lastCommand}`]),
  ];
}

function headLines(view: StatusView, ageMs: Age): string[] {
  const { replicas, voters, sessions, leader, targetLeader, term, fencedMembers } = view;
  const leads = leader === undefined ? 'nobody' : `${leader} in term ${term ?? '?'}`;
  const since = view.leaderSince === undefined ? '' : ` for ${span(ageMs(view.leaderSince))}`;
  const target = targetLeader === undefined ? '' : `, ${targetLeader} is to`;
  const rows: (readonly [string, string | undefined])[] = [
    ['Leads', `${leads}${since}${target}`],
    [
      'Pods',
      `${replicas.ready} of ${replicas.wanted} ready, ${voters ?? '?'} vote, ${sessions ?? '?'} sessions`,
    ],
    ['Server', view.image],
    ['Endpoint', view.endpoint],
    ['Fenced', fencedMembers.length === 0 ? undefined : fencedMembers.join(', ')],
    ['Next window', view.nextMaintenanceWindow],
    ['Backup', backupText(view, ageMs)],
  ];
  const seen = view.isCurrent ? '' : ' (the operator has not seen the latest change yet)';
  return [
    `${view.namespace}/${view.name}: ${view.phase}${seen}`,
    ...tableLines(rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
  ];
}

function backupText({ backup }: StatusView, ageMs: Age): string | undefined {
  if (backup === undefined) return undefined;
  const { lastSuccessTime: last } = backup;
  return last === undefined ? 'none yet' : `${last}, ${agoOrIn(ageMs(last))}`;
}

function memberCells(row: MemberRow): string[] {
  const number = (value: number | undefined): string => (value === undefined ? '' : String(value));
  return [
    row.name,
    row.role,
    row.membership ?? '',
    row.ready ? 'yes' : 'no',
    row.health,
    number(row.lag),
    number(row.sessions),
    row.version ?? '',
    row.node ?? '',
    row.zone ?? '',
    number(row.restarts),
    row.cordon ?? '',
    row.blockedBy ?? '',
  ];
}

function troubleLines(troubles: readonly Trouble[], ageMs: Age): string[] {
  if (troubles.length === 0) return ['All conditions are as they should be.'];
  return troubles.flatMap(({ condition, status, reason, message, since, next }) => [
    `${condition} is ${status} (${reason}) for ${span(ageMs(since))}: ${message}`,
    ...(next === undefined ? [] : [`  next: ${next}`]),
  ]);
}

/** The list of clusters that `status` prints without a name. */
export function clusterLines(views: readonly StatusView[], withNamespace: boolean): string[] {
  const header = ['NAME', 'PODS', 'READY', 'LEADER', 'SESSIONS', 'PHASE', 'NOT AS IT SHOULD BE'];
  const rows = views.map((view) => [
    view.name,
    String(view.replicas.wanted),
    String(view.replicas.ready),
    view.leader ?? '-',
    view.sessions === undefined ? '-' : String(view.sessions),
    view.phase,
    view.troubles.map(({ reason }) => reason).join(', '),
  ]);
  const lines = [header, ...rows];
  const spaces = ['NAMESPACE', ...views.map(({ namespace }) => namespace)];
  return tableLines(
    withNamespace ? lines.map((line, index) => [spaces[index] ?? '', ...line]) : lines,
  );
}

function agoOrIn(ms: number): string {
  return ms < 0 ? `in ${span(-ms)}` : `${span(ms)} ago`;
}

/** One unit is enough to act on: 45s, 12m, 3h, 20d. */
function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (Number.isNaN(seconds)) return '?';
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
