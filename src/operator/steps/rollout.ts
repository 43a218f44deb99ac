/** Carries out what a rollout decided: leadership moves, sessions leave, a pod is replaced; and takes back what is not wanted. */
import { unreachable } from '../../std/index.ts';
import {
  decideRollout,
  rolloutPolicy,
  type ClusterView,
  type MaintenanceWindow,
  type MemberView,
  type RolloutFacts,
  type RolloutStep,
} from '../core/index.ts';
import { maintenanceWindow } from '../maintenance.ts';
import { currentRevision } from '../revision.ts';
import type { Seen } from './look.ts';
import type { Subject, Tools } from './tools.ts';

export interface RolloutDecision {
  readonly step: RolloutStep;
  readonly facts: RolloutFacts;
  readonly window: MaintenanceWindow;
}

export function chooseRollout(
  { cluster, watched }: Subject,
  view: ClusterView,
  { set }: Seen,
  { clock, sidecarImage }: Tools,
): RolloutDecision {
  const window = maintenanceWindow(cluster, clock.wall());
  const { askedMs } = watched.asked;
  const facts = { window, updateRevision: currentRevision(set), sidecarImage, askedMs };
  const step: RolloutStep = cluster.spec.hibernated
    ? { kind: 'done' }
    : decideRollout(view, rolloutPolicy(cluster, facts));
  return { step, facts, window };
}

export async function rollOn(
  subject: Subject,
  { view, decision }: { readonly view: ClusterView; readonly decision: RolloutDecision },
  tools: Tools,
): Promise<void> {
  const { step, facts } = decision;
  takeBack(subject, view, step, tools);
  if (step.kind === 'done') subject.watched.asked.clear();
  switch (step.kind) {
    case 'done':
    case 'wait':
      return;
    case 'transfer':
      return moveLeadership(
        subject,
        { from: step.member, to: step.to, why: 'before it is replaced' },
        tools,
      );
    case 'drain':
      return drain(subject, step.member, tools);
    case 'replace':
      return tools.replacer.replace(subject, step.member, rolloutPolicy(subject.cluster, facts));
    default:
      return unreachable(step);
  }
}

/** Tells of it when `from` is first asked, and asks it unless that is under way. */
export function moveLeadership(
  { cluster, watched }: Subject,
  { from, to, why }: { readonly from: MemberView; readonly to: string; readonly why: string },
  { logger, recorder }: Tools,
): void {
  const link = watched.monitor.link(from.name);
  if (link === undefined) return;
  const { name, namespace } = cluster.metadata;
  if (watched.asked.askedMs(from, 'transfer') === 0) {
    recorder.record({
      regarding: cluster,
      type: 'Normal',
      reason: 'MovingLeadership',
      action: 'Update',
      note: `${from.name} lets ${to} lead ${why}`,
    });
  }
  watched.asked.ask(from, 'transfer', () =>
    link.transferLeadership(to).then(
      () => logger.info('leadership moved', { cluster: name, namespace, from: from.name, to }),
      (error: Error) =>
        logger.warn('leadership did not move', { cluster: name, to, error: error.message }),
    ),
  );
}

function drain({ cluster, watched }: Subject, member: MemberView, { logger }: Tools): void {
  watched.asked.ask(member, 'drain', async () => {
    if (member.cordon === 'asked') return;
    await watched.monitor
      .link(member.name)
      ?.drain(true)
      .catch((error: Error) => {
        const { name } = cluster.metadata;
        logger.warn('pod was not drained', {
          cluster: name,
          pod: member.name,
          error: error.message,
        });
      });
  });
}

/** A pod that shall stay after all takes sessions again; who drains pods that leave for good does so beyond the spec's size. */
function takeBack(
  { cluster, watched }: Subject,
  view: ClusterView,
  step: RolloutStep,
  { logger }: Tools,
): void {
  const leaving = step.kind === 'drain' || step.kind === 'replace' ? step.member.name : undefined;
  for (const { name, ordinal, cordon, terminating } of view.members) {
    if (cordon !== 'asked' || terminating || name === leaving) continue;
    if (ordinal >= cluster.spec.replicas) continue;
    watched.monitor
      .link(name)
      ?.drain(false)
      .catch((error: Error) => {
        logger.warn('pod takes no sessions yet', { pod: name, error: error.message });
      });
  }
}
