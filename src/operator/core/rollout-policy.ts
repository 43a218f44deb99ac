/** What a spec holds its rollouts to, and the sentences that tell people what a rollout waits for. */
import { APPROVE_UPDATE_ANNOTATION, type McpCluster } from '../../api/index.ts';
import type { RolloutPolicy, RolloutRule, RolloutStep } from './rollout.ts';
import { versionOfImage } from './version.ts';

/** Where `spec.update.maintenanceWindow` stands at this instant. */
export type MaintenanceWindow =
  /** The spec asks for none. */
  | { readonly kind: 'always' }
  | { readonly kind: 'open' }
  /** `opensAt` in ms since the Unix epoch, and the same as the API writes it. */
  | { readonly kind: 'closed'; readonly opensAt: number; readonly opensAtText: string }
  /** The spec cannot be understood: nothing that works is replaced. */
  | { readonly kind: 'unusable'; readonly message: string };

export interface RolloutFacts {
  readonly window: MaintenanceWindow;
  /** Of the pod template; undefined while it is not known. */
  readonly updateRevision: string | undefined;
  readonly sidecarImage: string;
  readonly askedMs: RolloutPolicy['askedMs'];
}

export function rolloutPolicy(cluster: McpCluster, facts: RolloutFacts): RolloutPolicy {
  const { update } = cluster.spec;
  const approved = cluster.metadata.annotations?.[APPROVE_UPDATE_ANNOTATION];
  return {
    maxUnavailable: update.maxUnavailable,
    windowOpen: facts.window.kind === 'always' || facts.window.kind === 'open',
    leaderApproved:
      update.mode === 'Automatic' ||
      (facts.updateRevision !== undefined && approved === facts.updateRevision),
    version: versionOfImage(facts.sidecarImage),
    askedMs: facts.askedMs,
  };
}

/** For the rules that wait for somebody or for long: what has to happen. */
export function rolloutHint(
  cluster: McpCluster,
  rule: RolloutRule,
  { window, updateRevision, sidecarImage }: Omit<RolloutFacts, 'askedMs'>,
): string | undefined {
  const { name, namespace } = cluster.metadata;
  if (rule === 'approval') {
    const approval = `${APPROVE_UPDATE_ANNOTATION}=${updateRevision}`;
    return `kubectl annotate --overwrite -n ${namespace} mcpc/${name} ${approval}`;
  }
  if (rule === 'maintenance_window' && window.kind === 'closed') {
    return `the next one opens at ${window.opensAtText}`;
  }
  return rule === 'version_skew'
    ? `${sidecarImage} is more than one minor version away from a member: update by one minor version at a time`
    : undefined;
}

/** Rules that only people or the calendar lift: nothing has to be looked at more often than usual. */
const PATIENT: ReadonlySet<RolloutRule> = new Set([
  'approval',
  'maintenance_window',
  'version_skew',
]);

export function isPatient(step: RolloutStep): boolean {
  return step.kind === 'wait' && [...step.blockedBy.values()].some((rule) => PATIENT.has(rule));
}

/** The rule that keeps the next pod, and which pod that is; undefined when none is kept. */
export function blockedFirst(
  step: RolloutStep,
): { readonly pod: string; readonly rule: RolloutRule } | undefined {
  if (step.kind === 'done') return undefined;
  const found = [...step.blockedBy].find(([, rule]) => rule !== 'turn');
  return found === undefined ? undefined : { pod: found[0], rule: found[1] };
}
