/** What a spec holds its rollouts to, and the sentences that tell people what a rollout waits for. */
import { APPROVE_UPDATE_ANNOTATION, type McpCluster } from '../../api/index.ts';
import type { RolloutPolicy, RolloutRule, RolloutStep } from './rollout.ts';
import { versionOfImage } from './version.ts';

/** Where `spec.update.maintenanceWindow` stands at this instant. */
export type MaintenanceWindow =
  /** The spec asks for none. */
  | { readonly kind: 'always' }
  | { readonly kind: 'open' }
  /** `opensAt` in ms since the Unix epoch. */
  | { readonly kind: 'closed'; readonly opensAt: number }
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
  switch (rule) {
    case 'approval':
      return `kubectl annotate --overwrite -n ${namespace} mcpc/${name} ${APPROVE_UPDATE_ANNOTATION}=${updateRevision}`;
    case 'maintenance_window':
      return window.kind === 'closed'
        ? `the next one opens at ${instantText(window.opensAt)}`
        : undefined;
    case 'version_skew':
      return `${sidecarImage} is more than one minor version away from a member: update by one minor version at a time`;
    default:
      return undefined;
  }
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

/** An instant as the API writes it, to the second. */
export function instantText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
