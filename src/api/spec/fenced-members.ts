/** The schema of `spec.fencedMembers`, and the rules about it that need the name of the cluster. */
import { names, type ValidationRule } from '../schema.ts';

export const FENCED_MEMBERS = {
  ...names(
    'Pods that go on running and hold the log, but take no sessions, get no clients, and give leadership away.',
    { max: 98, lengthMax: 63 },
  ),
  default: [],
} as const;

// The name is only compared: its length is unknown to the API server, which would reckon anything more as too dear.
const dash = "pod.lastIndexOf('-')";
const isPod = `(${dash} > 0 && pod.substring(0, ${dash}) == self.metadata.name && pod.substring(${dash} + 1).matches('^(0|[1-9][0-9]?)$'))`;

export const FENCED_RULES = [
  {
    rule: `self.spec.fencedMembers.all(pod, ${isPod})`,
    message: 'must name pods of this cluster: its name, a dash and an ordinal, such as tools-0',
    fieldPath: '.spec.fencedMembers',
  },
  {
    rule: 'self.spec.fencedMembers.size() < self.spec.replicas',
    message: 'must leave a pod that takes sessions: name fewer pods than replicas',
    fieldPath: '.spec.fencedMembers',
  },
] as const satisfies readonly ValidationRule[];
