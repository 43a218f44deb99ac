/**
 * Carries out what a verb plans: asks where it is dangerous, writes one field of one object if nobody changed that object
 * meanwhile, and says what to write in a file for the same.
 */
import { createInterface } from 'node:readline/promises';
import { dump } from 'js-yaml';
import { LAST_COMMAND_ANNOTATION, MCP_CLUSTERS, type McpCluster } from '../../api/index.ts';
import { timeText } from '../../std/index.ts';
import { systemClock, UsageError } from '../../host/index.ts';
import { isConflict, RESOURCES, type KubeObject, type ResourceType } from '../../kube/index.ts';
import type { Plan } from '../core/changes.ts';
import { attempt, findCluster, type Session } from './session.ts';

/** Whom the API server notes in managedFields for what verbs write. */
const FIELD_MANAGER = 'kubectl-mcp';
/** How often somebody else may be quicker. */
const ATTEMPTS_MAX = 5;

export interface ActFlags {
  /** `server`: the API server checks everything and stores nothing. */
  readonly dryRun?: 'server' | 'none';
  readonly yes?: boolean;
}

export interface Verb {
  /** As it was typed, such as `fence tools tools-1`. */
  readonly command: string;
  readonly name: string;
  readonly plan: (cluster: McpCluster) => Plan | Promise<Plan>;
}

type Change = Plan & { readonly kind: 'change' };

/** Prints what was done; rejects with {@link UsageError} when it cannot be, or may not. */
export async function act(session: Session, verb: Verb, flags: ActFlags): Promise<void> {
  let isConfirmed = flags.yes === true || flags.dryRun === 'server';
  for (let tried = 1; ; tried++) {
    const cluster = await findCluster(session, verb.name);
    const plan = await verb.plan(cluster);
    if (plan.kind === 'refused') throw new UsageError(`${verb.name}: ${plan.message}`);
    if (plan.kind === 'nothing') return session.print(`${verb.name}: ${plan.message}`);
    if (plan.danger !== undefined && !isConfirmed) {
      await confirm(verb.name, plan.danger);
      isConfirmed = true;
    }
    try {
      await write(session, { verb, cluster, plan }, flags);
      return tell(verb, plan, { session, isDry: flags.dryRun === 'server' });
    } catch (error) {
      if (!isConflict((error as Error).cause) || tried === ATTEMPTS_MAX) throw error;
    }
  }
}

async function write(
  session: Session,
  { verb, cluster, plan }: { verb: Verb; cluster: McpCluster; plan: Change },
  { dryRun }: ActFlags,
): Promise<void> {
  const type: ResourceType = plan.pod === undefined ? MCP_CLUSTERS : RESOURCES.pods;
  const ref = { namespace: session.namespace, name: plan.pod ?? verb.name };
  const annotations = {
    ...plan.patch.metadata?.annotations,
    ...(plan.pod === undefined ? await signature(session, verb.command) : {}),
  };
  const precondition =
    plan.pod === undefined ? { resourceVersion: cluster.metadata.resourceVersion } : {};
  const body = { ...plan.patch, metadata: { ...precondition, annotations } };
  const options = { type: 'merge', body, fieldManager: FIELD_MANAGER } as const;
  await attempt(
    session,
    'patch',
    type,
    session.client.patch(type, ref, { ...options, dryRun: dryRun === 'server' }),
  );
}

/** Who asked for what and when: for people, beside the audit log of the API server, which nobody can forge. */
async function signature(
  { client }: Session,
  command: string,
): Promise<Readonly<Record<string, string>>> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const user = await client.raw('POST', path, { body: review }).then(
    (text) => (JSON.parse(text) as Review).status?.userInfo?.username,
    () => undefined,
  );
  const at = timeText(systemClock.wall());
  const by = user === undefined ? '' : ` by ${user}`;
  return { [LAST_COMMAND_ANNOTATION]: `${command}${by} at ${at}` };
}

interface Review extends KubeObject {
  readonly status?: { readonly userInfo?: { readonly username?: string } };
}

/** Rejects unless somebody at a terminal types the name of the cluster. */
async function confirm(name: string, danger: string): Promise<void> {
  if (!process.stdin.isTTY) throw new UsageError(`${danger}: add --yes if that is meant`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${danger}\nType ${name} to go on: `);
    if (answer.trim() !== name) throw new UsageError(`nothing was changed: that was not ${name}`);
  } finally {
    terminal.close();
  }
}

function tell(
  { name }: Verb,
  { patch, pod, done, isAct }: Change,
  { session, isDry }: { readonly session: Session; readonly isDry: boolean },
): void {
  session.print(`${name}: ${done}${isDry ? ' (dry run: nothing was stored)' : ''}`);
  if (pod === undefined && isAct !== true) {
    session.print('In a file of yours the same is:');
    session.print(dump(patch, { lineWidth: -1 }).trimEnd().replace(/^/gm, '  '));
  }
  if (!isDry) session.print(`See: kubectl mcp status ${name}${session.flags}`);
}
