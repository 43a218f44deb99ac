/**
 * Brings one cluster closer to its spec. Every step reads what is there and writes only a difference, so a process that
 * dies between any two writes is followed by one that goes on from there.
 */
import type { McpCluster } from '../api/index.ts';
import { RESOURCES, type Outcome } from '../kube/index.ts';
import { timeText } from '../std/index.ts';
import {
  blockedFirst,
  decidePromotion,
  currentSize,
  endpointSlice,
  isCurrent,
  isPatient,
  isRestoring,
  isRecovering,
  recoveryRefusal,
  isTerminating,
  rolloutHint,
  specProblem,
  statusOf,
  type ClusterSize,
  type ClusterView,
  type PromotionStep,
  type ReconcileProblem,
  type RolloutStep,
} from './core/index.ts';
import { keepBackups, type Backups } from './steps/backups.ts';
import { agreeOnConfiguration } from './steps/configuration.ts';
import { look, observe, ownStatefulSet } from './steps/look.ts';
import { changeMembers } from './steps/membership.ts';
import { removeLostPods } from './steps/lost-pods.ts';
import { promote } from './steps/promotion.ts';
import { onlyRead, resyncMs, writeBudget, writeObjects, type Written } from './steps/objects.ts';
import { chooseRollout, rollOn, type RolloutDecision } from './steps/rollout.ts';
import { collect, ensureOwned, type Subject, type Tools } from './steps/tools.ts';

const RETRY_MS = 5_000;
const SOON_MS = 1_000;
/** While members change, one step follows the other. */
const CHANGING_MS = 300;
/** While pods start, time alone turns silence into a problem. */
const MOVING_MS = 2_000;

const settledFor = (afterMs: number): Outcome => ({ kind: 'requeueAfter', afterMs });

export function createReconciler(tools: Tools): (key: string) => Promise<Outcome> {
  return async (key) => {
    const cached = tools.caches.clusters.get(key);
    if (cached === undefined || isTerminating(cached)) {
      const uid = tools.fleet.forget(key);
      if (uid !== undefined) {
        tools.statusWriter.forget(uid);
        tools.specFacts.forget(uid);
      }
      return { kind: 'settled' };
    }
    return reconcile(tools.statusWriter.withLatestStatus(cached), tools);
  };
}

async function reconcile(cluster: McpCluster, tools: Tools): Promise<Outcome> {
  const watched = tools.fleet.watch(cluster);
  const sized = await rememberSize(cluster, tools);
  const size = sizeOf(sized, tools);
  const subject: Subject = { cluster: sized, size, watched };
  // Silence of pods that were not asked yet must neither take them away from clients nor be reported.
  const mayConclude = (view: ClusterView): boolean =>
    view.isComplete || cluster.status?.conditions === undefined;
  // Where clients are sent comes first: nothing that is slow may come between a death and that.
  const first = look(subject, tools);
  const atOnce = { statefulSetChanged: false, withLogs: false };
  const glance = await observe(subject, { ...first, ...atOnce }, tools);
  let foreignSlice = mayConclude(glance) ? await sendClients(cluster, glance, tools) : undefined;
  const written = cluster.spec.paused
    ? await onlyRead(subject, tools)
    : await writeObjects(subject, tools);
  const seen = look(subject, tools);
  const { pods } = seen;
  const view = await observe(subject, { ...seen, ...written, withLogs: true }, tools);
  if (!mayConclude(view)) return settledFor(SOON_MS);
  // What was learned meanwhile must not be in the status before it is where clients are sent.
  if (!mayConclude(glance) || !sendsAlike(cluster, glance, view)) {
    foreignSlice = await sendClients(cluster, view, tools);
  }

  const decision = chooseRollout(subject, view, seen, tools);
  const promotion = decidePromotion(cluster, view, decision.step);
  const found = [...written.problems, foreignSlice];
  let after = subject;
  if (!cluster.spec.paused) {
    found.push(await writeBudget(sized, view, tools));
    found.push(await agreeOnConfiguration(subject, { view, pods }, tools));
    await removeLostPods(subject, view, tools);
    await rollOn(subject, { view, decision }, tools);
    promote(subject, promotion, tools);
    after = { ...subject, cluster: await changeMembers(subject, view, tools) };
  }
  const backups = await keepBackups(after, view, tools);
  found.push(...backups.problems);
  const facts = await tools.specFacts.of(cluster);
  const seenNow = {
    pods,
    reports: watched.monitor.reports(),
    others: tools.caches.clusters.list(),
  };
  found.push(specProblem(cluster, { ...facts, ...seenNow }));
  const { window } = decision;
  if (window.kind === 'unusable') {
    found.push({ reason: 'ScheduleUnusable', message: window.message });
  }
  const refusal = recoveryRefusal(after.cluster);
  if (refusal !== undefined) found.push({ reason: 'RecoveryRefused', message: refusal });
  if (promotion.kind === 'refused') {
    found.push({ reason: 'PromotionRefused', message: promotion.message });
  }
  const problems = found.filter((each) => each !== undefined);
  // That a certificate is waited for is explained by whatever else is wrong, and better by what the issuer says.
  const isIssuing = ({ reason }: ReconcileProblem): boolean => /^(Certificate|Issuer)/.test(reason);
  const problem = problems.find((each) => !isIssuing(each)) ?? problems.at(-1);
  const end = { view, decision, promotion, written, problem, backups };
  const heldMs = await writeStatus(after, end, tools);
  return nextLook({ subject: after, ...end, heldMs }, tools);
}

/** The EndpointSlice of the client Service, from what the cluster itself says. */
function sendClients(
  cluster: McpCluster,
  { members }: ClusterView,
  tools: Tools,
): Promise<ReconcileProblem | undefined> {
  const slice = endpointSlice(cluster, members);
  return collect(() => ensureOwned(slice, RESOURCES.endpointSlices, tools));
}

function sendsAlike(cluster: McpCluster, one: ClusterView, other: ClusterView): boolean {
  const [before, after] = [one, other].map(({ members }) => endpointSlice(cluster, members));
  return isCurrent(after, before) && isCurrent(before, after);
}

/** The size that a cluster begins with is written down before anything is built with it. */
async function rememberSize(cluster: McpCluster, tools: Tools): Promise<McpCluster> {
  const { scaledTo, voters } = cluster.status ?? {};
  if ((scaledTo !== undefined && voters !== undefined) || cluster.spec.paused) return cluster;
  const size = sizeOf(cluster, tools);
  const phase = cluster.status?.phase ?? 'Creating';
  const remembered = { ...cluster.status, voters: size.voters, scaledTo: size.replicas, phase };
  await tools.statusWriter.record(cluster, remembered);
  return { ...cluster, status: remembered };
}

function sizeOf(cluster: McpCluster, { caches }: Tools): ClusterSize {
  // A cluster that sleeps has no pods, and its size is what it was.
  const replicas = ownStatefulSet(cluster, caches)?.spec?.replicas;
  return currentSize(cluster, replicas === 0 ? undefined : replicas);
}

async function writeStatus(
  { cluster, size }: Subject,
  seen: {
    readonly view: ClusterView;
    readonly decision: RolloutDecision;
    readonly promotion: PromotionStep;
    readonly written: Written;
    readonly problem: ReconcileProblem | undefined;
    readonly backups: Backups;
  },
  { clock, statusWriter }: Tools,
): Promise<number> {
  const { step, facts, window } = seen.decision;
  const rule = blockedFirst(step)?.rule;
  const status = statusOf(cluster, {
    ...seen,
    size,
    rollout: step,
    hint: rule === undefined ? undefined : rolloutHint(cluster, rule, facts),
    growingVolumes: seen.written.growingVolumes ?? 0,
    hibernated: cluster.spec.hibernated,
    targetLeader: targetLeader(step, seen.promotion),
    nextWindow: window.kind === 'closed' ? window.opensAtText : undefined,
    now: timeText(clock.wall()),
  });
  return statusWriter.write(cluster, status);
}

function targetLeader(rollout: RolloutStep, promotion: PromotionStep): string | undefined {
  if (rollout.kind === 'transfer') return rollout.to;
  return promotion.kind === 'transfer' || promotion.kind === 'wait' ? promotion.to : undefined;
}

/** When to look again, if nothing is heard before. */
function nextLook(
  end: {
    readonly subject: Subject;
    readonly view: ClusterView;
    readonly decision: RolloutDecision;
    readonly promotion: PromotionStep;
    readonly written: Written;
    readonly problem: ReconcileProblem | undefined;
    readonly heldMs: number;
  },
  tools: Tools,
): Outcome {
  const { clock } = tools;
  const { subject, view, decision, promotion, written, problem, heldMs } = end;
  const { cluster, watched } = subject;
  const moving = cluster.spec.hibernated
    ? view.members.some(({ pod }) => pod !== undefined)
    : isMoving(view, decision.step);
  const changing =
    view.membershipChange !== undefined || isRecovering(cluster) || promotion.kind === 'transfer';
  watched.monitor.setBusy(moving || changing);
  if (!moving) watched.settledKeyRevision = written.key?.revision;
  if (changing) return settledFor(CHANGING_MS);
  if (moving) return settledFor(MOVING_MS);
  // Every pod accepts the next key now: it may be signed with.
  if (written.key?.phase === 'Announced') return settledFor(SOON_MS);
  if ((written.growingVolumes ?? 0) > 0 || isRestoring(cluster)) return settledFor(RETRY_MS);
  if (problem !== undefined && problem.reason !== 'Paused') return settledFor(RETRY_MS);
  const { window, step } = decision;
  const waitsForWindow = window.kind === 'closed' && step.kind === 'wait';
  const opensInMs = waitsForWindow ? window.opensAt - clock.wall() : Infinity;
  const heldBackMs = heldMs > 0 ? heldMs : Infinity;
  return settledFor(Math.min(resyncMs(tools), heldBackMs, Math.max(opensInMs, SOON_MS)));
}

function isMoving(view: ClusterView, step: RolloutStep): boolean {
  return (
    (step.kind !== 'done' && !isPatient(step)) ||
    !view.hasQuorum ||
    view.members.some((member) => !member.healthy || !member.caughtUp)
  );
}
