/**
 * The command line for people who run clusters: a plugin of kubectl. The table of its verbs is here; each is carried out in a
 * file of its own, loaded when it is called.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { McpCluster } from '../../api/index.ts';
import { timeText } from '../../std/index.ts';
import { systemClock, UsageError } from '../../host/index.ts';
import { RESOURCES, type KubeObject } from '../../kube/index.ts';
import { act, type ActFlags } from './act.ts';
import { explainItself } from './help.ts';
import * as changes from '../core/changes.ts';
import { attempt, withSession, type ConnectionFlags, type Print, type Session } from './session.ts';
import type { LogFlags } from './logs.ts';
import type { ReportFlags } from './report-parts.ts';
import type { StatusFlags } from './status.ts';

type Planner = (
  cluster: McpCluster,
  members: readonly string[],
  session: Session,
) => changes.Plan | Promise<changes.Plan>;

interface Writing {
  readonly name: string;
  readonly description: string;
  /** Which verbs it stands with in the help. */
  readonly group: string;
  /** How the arguments after the cluster's name are written; none when absent. */
  readonly members?: string;
  readonly plan: Planner;
  readonly isDangerous?: true;
}

const LOOKING = 'See how it is:';
const UPDATING = 'Updates:';
const MEMBERS = 'Single members:';
const WHOLE = 'The cluster as a whole:';

/** The verbs that change one field. */
const WRITING: readonly Writing[] = [
  {
    name: 'approve',
    group: UPDATING,
    description: 'let a supervised update go on to the pod that leads',
    plan: async (cluster, _, session) =>
      changes.approve(cluster, await revisionOf(session, cluster)),
  },
  {
    name: 'promote',
    group: MEMBERS,
    description:
      'let this member lead Raft; what is asked for is over as soon as anybody else leads',
    members: '<member>',
    plan: (cluster, [member = '']) => changes.promote(cluster, member),
  },
  {
    name: 'restart',
    group: UPDATING,
    description: 'replace all pods one after the other, or one, by the rules of a rolling update',
    members: '[member]',
    plan: (cluster, [member]) =>
      member === undefined
        ? changes.restart(cluster, instant())
        : changes.restartMember(cluster, member, instant()),
  },
  {
    name: 'fence',
    group: MEMBERS,
    description: 'keep members from sessions and from leadership; they go on holding the log',
    members: '<member...>',
    plan: changes.fence,
  },
  {
    name: 'unfence',
    group: MEMBERS,
    description: 'let members take sessions again: those that are named, or all',
    members: '[member...]',
    plan: changes.unfence,
  },
  {
    name: 'hibernate',
    group: WHOLE,
    description: 'take all pods away and keep volumes and sessions, until wake',
    plan: changes.hibernate,
    isDangerous: true,
  },
  {
    name: 'wake',
    group: WHOLE,
    description: 'bring the pods of a hibernated cluster back',
    plan: changes.wake,
  },
  {
    name: 'pause',
    group: WHOLE,
    description: 'keep the operator from changing anything but where clients are sent',
    plan: changes.pause,
  },
  { name: 'resume', group: WHOLE, description: 'let the operator act again', plan: changes.resume },
  {
    name: 'recover',
    group: WHOLE,
    description:
      'the last resort after the loss of a majority: begin again from this member (spec.recovery)',
    members: '<member>',
    plan: (cluster, [member = '']) => changes.recover(cluster, member),
    isDangerous: true,
  },
];

/** A new program each time: commander keeps what it has parsed. What verbs say goes to `print`. */
export function createProgram(print: Print): Command {
  const program = new Command('kubectl mcp')
    .description(
      'Looks after McpClusters: what kubectl shows of them, and what people ask of them.',
    )
    .exitOverride();
  addStatus(program, print);
  addLogs(program, print);
  addReport(program, print);
  for (const group of [UPDATING, MEMBERS, WHOLE]) {
    for (const each of WRITING) if (each.group === group) addWriting(program, each, print);
    if (group === UPDATING) addMaintenance(program, print);
  }
  addBackup(program, print);
  explainItself(program);
  return program;
}

function addStatus(program: Command, print: Print): void {
  const command = program
    .command('status')
    .helpGroup(LOOKING)
    .description('one cluster in full, or all of the namespace in a table')
    .argument('[name]', 'name of a McpCluster')
    .option('-A, --all-namespaces', 'without a name: those of all namespaces')
    .option('-w, --watch', 'again whenever it changes, until Ctrl-C')
    .addOption(new Option('-o, --output <format>', 'for programs').choices(['json', 'yaml']))
    .action(async (name: string | undefined, flags: ConnectionFlags & StatusFlags) => {
      const { status } = await import('./status.ts');
      await withSession(flags, print, (session) => status(session, name, flags));
    });
  connected(command);
}

function addWriting(program: Command, verb: Writing, print: Print): void {
  const { name, description, group, members, plan, isDangerous } = verb;
  const command = program.command(name).helpGroup(group).description(description);
  command.argument('<name>', 'name of a McpCluster');
  if (members !== undefined) command.argument(members, 'name of a pod, such as tools-1');
  if (isDangerous === true) command.option('--yes', 'do not ask; needed where nobody can answer');
  command.action(async (...given: unknown[]) => {
    const flags = given.at(-2) as ConnectionFlags & ActFlags;
    const [cluster = '', ...pods] = given.slice(0, -2).flat().filter(isText);
    await withSession(flags, print, (session) =>
      act(
        session,
        {
          command: [name, cluster, ...pods].join(' '),
          name: cluster,
          plan: (found) => plan(found, pods, session),
        },
        flags,
      ),
    );
  });
  connected(writing(command));
}

interface MaintenanceFlags extends ConnectionFlags, ActFlags {
  readonly schedule?: string;
  readonly duration: string;
  readonly timeZone: string;
  readonly remove?: boolean;
}

function addMaintenance(program: Command, print: Print): void {
  const command = program
    .command('maintenance')
    .helpGroup(UPDATING)
    .description('when pods that work may be replaced (spec.update.maintenanceWindow)')
    .argument('<name>', 'name of a McpCluster')
    .option('--schedule <cron>', 'when the window opens, such as "0 3 * * SUN"')
    .option('--duration <duration>', 'how long it stays open', '2h')
    .option('--time-zone <name>', 'of the schedule, such as Europe/Berlin', 'UTC')
    .option('--remove', 'no window: at any time')
    .action(async (name: string, flags: MaintenanceFlags) => {
      const { schedule, duration, timeZone, remove } = flags;
      if ((schedule === undefined) === (remove !== true)) {
        throw new UsageError('maintenance: give either --schedule CRON or --remove');
      }
      const window = schedule === undefined ? undefined : { schedule, duration, timeZone };
      await withSession(flags, print, (session) =>
        act(
          session,
          {
            command: `maintenance ${name} ${schedule ?? 'removed'}`,
            name,
            plan: (cluster) => changes.maintenance(cluster, window),
          },
          flags,
        ),
      );
    });
  connected(writing(command));
}

function addBackup(program: Command, print: Print): void {
  const command = program
    .command('backup')
    .helpGroup(WHOLE)
    .description('take a backup now, as the schedule of spec.backup does')
    .argument('<name>', 'name of a McpCluster')
    .action(async (name: string, flags: ConnectionFlags & ActFlags) => {
      const { backup } = await import('./backup.ts');
      await withSession(flags, print, (session) => backup(session, name, flags));
    });
  connected(writing(command));
}

function addLogs(program: Command, print: Print): void {
  const command = program
    .command('logs')
    .helpGroup(LOOKING)
    .description('the last lines that the pods have written, each with the name of its pod')
    .argument('<name>', 'name of a McpCluster')
    .argument('[member]', 'one pod, such as tools-1')
    .addOption(
      new Option('-c, --container <name>', 'whose')
        .choices(['sidecar', 'server'])
        .default('server'),
    )
    .option('--tail <lines>', 'of each pod', wholeNumber, 50)
    .option('-p, --previous', 'of the process before the last restart')
    .action(async (name: string, member: string | undefined, flags: ConnectionFlags & LogFlags) => {
      const { logs } = await import('./logs.ts');
      await withSession(flags, print, (session) => logs(session, { name, member }, flags));
    });
  connected(command);
}

function addReport(program: Command, print: Print): void {
  const command = program
    .command('report')
    .helpGroup(LOOKING)
    .description(
      'a folder of files for whoever helps: resources, events, logs, metrics; no secrets and no data of sessions',
    )
    .argument('<name>', 'name of a McpCluster')
    .option('--out <folder>', 'where (default: one that is named after cluster and time)')
    .option('--tail <lines>', 'of each log', wholeNumber, 2000)
    .option('--operator-namespace <name>', 'where the operator runs', 'mcp-cluster-system')
    .option('--include-server-logs', "the MCP servers' own logs, too, which may hold anything")
    .action(async (name: string, flags: ConnectionFlags & ReportFlags) => {
      const { report } = await import('./report.ts');
      await withSession(flags, print, (session) => report(session, name, flags));
    });
  connected(command);
}

/** With the flags of kubectl, which stand behind those of the verb. */
function connected(command: Command): Command {
  return command
    .optionsGroup('As for kubectl:')
    .option('-n, --namespace <name>', "default: the context's")
    .option('--context <name>', 'of the kubeconfig; default: its current one')
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, then ~/.kube/config')
    .option('--as <user>', 'act as this user');
}

/** With the flags of what changes something. */
function writing(command: Command): Command {
  return command.addOption(
    new Option('--dry-run <mode>', 'server: the API server checks it and stores nothing')
      .choices(['server', 'none'])
      .default('none'),
  );
}

const isText = (value: unknown): value is string => typeof value === 'string';

const instant = (): string => timeText(systemClock.wall());

/** Of the pod template, as the StatefulSet tells it; undefined until its controller has seen the template. */
async function revisionOf(session: Session, { metadata }: McpCluster): Promise<string | undefined> {
  const ref = { namespace: session.namespace, name: metadata.name };
  const type = RESOURCES.statefulSets;
  const set = await attempt(session, 'get', type, session.client.get<KubeObject>(type, ref));
  const seen = set?.['status'] as
    { observedGeneration?: number; updateRevision?: string } | undefined;
  return seen?.observedGeneration === set?.metadata.generation ? seen?.updateRevision : undefined;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(`${text} is not a whole number above 0`);
}
