/** Rules about `spec.loadBalancing.weights` that need the name of the cluster, and so stand on the whole object. */
import type { ValidationRule } from '../schema.ts';

const weights = 'self.spec.loadBalancing.weights';
// The name is only compared: its length is unknown to the API server, which would reckon anything more as too dear.
const dash = "entry.pod.lastIndexOf('-')";
const ordinal = `entry.pod.substring(${dash} + 1)`;
const isPod = `(${dash} > 0 && entry.pod.substring(0, ${dash}) == self.metadata.name && ${ordinal}.matches('^(0|[1-9][0-9]?)$') && int(${ordinal}) < self.spec.replicas)`;
const UNKNOWN_POD = {
  // Nothing that is computed may be in a message here: the length of it is reckoned as without bounds.
  message:
    'must name pods of this cluster: its name, a dash and an ordinal below replicas, such as tools-0',
  fieldPath: '.spec.loadBalancing.weights',
};

export const WEIGHT_RULES = [
  // A cluster has no status when it is created. Later a weight that was right before pods were taken away must not stand
  // in the way of that; an optional oldSelf would say both at once, but its cost is reckoned as without bounds.
  { rule: `has(self.status) || ${weights}.all(entry, ${isPod})`, ...UNKNOWN_POD },
  {
    rule: `${weights}.all(entry, ${isPod} || oldSelf.spec.loadBalancing.weights.exists(old, old.pod == entry.pod))`,
    ...UNKNOWN_POD,
  },
  {
    rule: `${weights}.filter(entry, entry.weight == 0 && ${isPod}).size() < self.spec.replicas`,
    message: 'sum to 0: no pod would get a request; at least one pod needs a weight above 0',
    fieldPath: '.spec.loadBalancing.weights',
  },
] as const satisfies readonly ValidationRule[];
