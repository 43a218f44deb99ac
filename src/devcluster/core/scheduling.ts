/** Which node a pod goes to: filters say where it may run and why not elsewhere, scores spread it. */
import { parseQuantity } from '../../std/index.ts';
import type {
  LabelSelector,
  Node,
  Pod,
  PodAffinityTerm,
  SelectorTerm,
  Taint,
  Toleration,
} from './kinds.ts';
import { controllerOf, matchesLabels, matchesRequirement, matchesSelector } from './labels.ts';
import { isPodOver } from './pod-status.ts';

const HOSTNAME = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';

export interface SchedulingInput {
  readonly pod: Pod;
  readonly nodes: readonly Node[];
  /** Every pod of the cluster, bound or not. */
  readonly pods: readonly Pod[];
}

export type SchedulingResult =
  | { readonly node: string }
  /** The sentence of the event `FailedScheduling`. */
  | { readonly node?: undefined; readonly message: string };

interface Placement {
  readonly pod: Pod;
  readonly nodes: readonly Node[];
  readonly bound: readonly Pod[];
  readonly nodeByName: ReadonlyMap<string, Node>;
}

/** A reason why the node is out of question, or undefined. */
type Filter = (node: Node, placement: Placement) => string | undefined;

/** In this order: the first filter that refuses a node names the reason. */
const FILTERS: readonly Filter[] = [
  unschedulable,
  notReady,
  untolerated,
  nodeAffinity,
  resources,
  podAffinity,
  podAntiAffinity,
  antiAffinityOfOthers,
  spreadConstraints,
];

/** The best node, or why there is none. Equal scores are decided by name, so that a result can be predicted. */
export function chooseNode({ pod, nodes, pods }: SchedulingInput): SchedulingResult {
  const bound = pods.filter((one) => one.spec.nodeName !== undefined && !isPodOver(one));
  const nodeByName = new Map(nodes.map((node) => [node.metadata.name as string, node]));
  const placement = { pod, nodes, bound, nodeByName };
  const reasons = new Map<string, number>();
  const feasible = nodes.filter((node) => {
    for (const filter of FILTERS) {
      const reason = filter(node, placement);
      if (reason === undefined) continue;
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      return false;
    }
    return true;
  });
  if (feasible.length === 0) return { message: refusal(nodes.length, reasons) };
  const ranked = feasible
    .map((node) => ({ name: node.metadata.name as string, score: score(node, placement) }))
    .sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1));
  return { node: (ranked[0] as { name: string }).name };
}

function refusal(count: number, reasons: ReadonlyMap<string, number>): string {
  if (count === 0) return 'no nodes available to schedule pods';
  const list = [...reasons].map(([reason, number]) => `${number} ${reason}`).sort();
  return `0/${count} nodes are available: ${list.join(', ')}.`;
}

function unschedulable(node: Node): string | undefined {
  return node.spec?.unschedulable === true ? 'node(s) were unschedulable' : undefined;
}

function notReady(node: Node): string | undefined {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' ? undefined : 'node(s) were not ready';
}

function untolerated(node: Node, { pod }: Placement): string | undefined {
  const taint = (node.spec?.taints ?? []).find(
    (one) => one.effect !== 'PreferNoSchedule' && !isTolerated(one, pod.spec.tolerations),
  );
  return taint === undefined
    ? undefined
    : `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
}

function isTolerated(taint: Taint, tolerations: readonly Toleration[] = []): boolean {
  return tolerations.some(
    ({ key, operator = 'Equal', value = '', effect }) =>
      (effect === undefined || effect === '' || effect === taint.effect) &&
      (key === undefined || key === '' ? operator === 'Exists' : key === taint.key) &&
      (operator === 'Exists' || value === (taint.value ?? '')),
  );
}

function nodeAffinity(node: Node, { pod }: Placement): string | undefined {
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
      ?.nodeSelectorTerms;
  const isSelected = matchesLabels(pod.spec.nodeSelector ?? {}, node.metadata.labels);
  const isWanted = terms === undefined || terms.some((term) => matchesTerm(term, node));
  return isSelected && isWanted ? undefined : "node(s) didn't match Pod's node affinity/selector";
}

function matchesTerm(term: SelectorTerm, node: Node): boolean {
  const check = (value: string | undefined, operator: string, values: readonly string[] = []) => {
    switch (operator) {
      case 'Gt':
        return value !== undefined && Number(value) > Number(values[0]);
      case 'Lt':
        return value !== undefined && Number(value) < Number(values[0]);
      default:
        return matchesRequirement(value, operator, values);
    }
  };
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((e) => check(node.metadata.labels?.[e.key], e.operator, e.values)) &&
    matchFields.every((e) => check(node.metadata.name, e.operator, e.values))
  );
}

/** What the pod's containers ask for together. */
function requested(pod: Pod, resource: string): number {
  const of = (containers: Pod['spec']['containers'] = []): number =>
    containers.reduce(
      (sum, { resources }) =>
        sum + (parseQuantity(String(resources?.requests?.[resource] ?? '0')) ?? 0),
      0,
    );
  return (
    of(pod.spec.containers) +
    of(pod.spec.initContainers?.filter((c) => c.restartPolicy === 'Always'))
  );
}

function resources(node: Node, { pod, bound }: Placement): string | undefined {
  const here = bound.filter((one) => one.spec.nodeName === node.metadata.name);
  const allocatable = node.status?.allocatable ?? {};
  const podsMax = parseQuantity(String(allocatable['pods'] ?? '110')) ?? 110;
  if (here.length + 1 > podsMax) return 'Too many pods';
  for (const resource of ['cpu', 'memory']) {
    const wanted = requested(pod, resource);
    const capacity = parseQuantity(String(allocatable[resource] ?? ''));
    if (wanted === 0 || capacity === undefined) continue;
    const used = here.reduce((sum, one) => sum + requested(one, resource), 0);
    if (used + wanted > capacity) return `Insufficient ${resource}`;
  }
  return undefined;
}

/** Pods of the term that stand in the same topology domain as `node`. */
function podsInDomain(term: PodAffinityTerm, owner: Pod, node: Node, placement: Placement): Pod[] {
  const domain = node.metadata.labels?.[term.topologyKey];
  if (domain === undefined) return [];
  return placement.bound.filter((one) => {
    const other = placement.nodeByName.get(one.spec.nodeName as string);
    return other?.metadata.labels?.[term.topologyKey] === domain && isMeant(term, owner, one);
  });
}

function isMeant(term: PodAffinityTerm, owner: Pod, candidate: Pod): boolean {
  const namespaces = term.namespaces ?? [owner.metadata.namespace as string];
  return (
    namespaces.includes(candidate.metadata.namespace as string) &&
    matchesSelector(term.labelSelector, candidate.metadata.labels)
  );
}

function podAffinity(node: Node, placement: Placement): string | undefined {
  const { pod, bound } = placement;
  const terms =
    pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const isMet = terms.every((term) => {
    if (podsInDomain(term, pod, node, placement).length > 0) return true;
    // The first pod of a group that wants to be near itself must be able to begin somewhere.
    const nobody = !bound.some((one) => isMeant(term, pod, one));
    return (
      nobody && isMeant(term, pod, pod) && node.metadata.labels?.[term.topologyKey] !== undefined
    );
  });
  return isMet ? undefined : "node(s) didn't match pod affinity rules";
}

function podAntiAffinity(node: Node, placement: Placement): string | undefined {
  const { pod } = placement;
  const terms =
    pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const isBroken = terms.some((term) => podsInDomain(term, pod, node, placement).length > 0);
  return isBroken ? "node(s) didn't match pod anti-affinity rules" : undefined;
}

function antiAffinityOfOthers(
  node: Node,
  { pod, bound, nodeByName }: Placement,
): string | undefined {
  const isRefused = bound.some((other) => {
    const terms =
      other.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const itsNode = nodeByName.get(other.spec.nodeName as string);
    return terms.some(({ topologyKey, ...term }) => {
      const domain = node.metadata.labels?.[topologyKey];
      const isSame = domain !== undefined && domain === itsNode?.metadata.labels?.[topologyKey];
      return isSame && isMeant({ topologyKey, ...term }, other, pod);
    });
  });
  return isRefused ? "node(s) didn't satisfy existing pods anti-affinity rules" : undefined;
}

/** Matching pods of the pod's namespace per domain of a topology key, over all nodes that have the key. */
function countsByDomain(
  { pod, nodes, bound, nodeByName }: Placement,
  topologyKey: string,
  selector: LabelSelector | undefined,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const domain = node.metadata.labels?.[topologyKey];
    if (domain !== undefined && !counts.has(domain)) counts.set(domain, 0);
  }
  for (const one of bound) {
    if (one.metadata.namespace !== pod.metadata.namespace) continue;
    if (one.metadata.deletionTimestamp !== undefined) continue;
    if (!matchesSelector(selector, one.metadata.labels)) continue;
    const domain = nodeByName.get(one.spec.nodeName as string)?.metadata.labels?.[topologyKey];
    if (domain !== undefined) counts.set(domain, (counts.get(domain) ?? 0) + 1);
  }
  return counts;
}

function spreadConstraints(node: Node, placement: Placement): string | undefined {
  const { pod } = placement;
  for (const constraint of pod.spec.topologySpreadConstraints ?? []) {
    if (constraint.whenUnsatisfiable !== 'DoNotSchedule') continue;
    const counts = countsByDomain(placement, constraint.topologyKey, constraint.labelSelector);
    const domain = node.metadata.labels?.[constraint.topologyKey];
    const self = matchesSelector(constraint.labelSelector, pod.metadata.labels) ? 1 : 0;
    const skew = (counts.get(domain ?? '') ?? 0) + self - Math.min(...counts.values());
    if (domain === undefined || skew > constraint.maxSkew)
      return "node(s) didn't match pod topology spread constraints";
  }
  return undefined;
}

/** Pods of the same controller on the node count most, then in its zone, then wishes of the pod, then the load. */
function score(node: Node, placement: Placement): number {
  const { pod, bound } = placement;
  const owner = controllerOf(pod.metadata)?.uid;
  const mates = bound.filter(
    (one) => owner !== undefined && controllerOf(one.metadata)?.uid === owner,
  );
  const domainOf = (name: string | undefined, key: string): string | undefined =>
    placement.nodeByName.get(name ?? '')?.metadata.labels?.[key];
  const inDomain = (key: string): number =>
    mates.filter((one) => {
      const domain = node.metadata.labels?.[key];
      return domain !== undefined && domainOf(one.spec.nodeName, key) === domain;
    }).length;
  const load = bound.filter((one) => one.spec.nodeName === node.metadata.name).length;
  return wishes(node, placement) * 100 - inDomain(HOSTNAME) * 10_000 - inDomain(ZONE) * 1000 - load;
}

function wishes(node: Node, placement: Placement): number {
  const { pod } = placement;
  const { podAffinity: near, podAntiAffinity: far } = pod.spec.affinity ?? {};
  const weigh = (affinity: typeof near): number =>
    (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).reduce(
      (sum, { weight, podAffinityTerm }) =>
        sum + weight * podsInDomain(podAffinityTerm, pod, node, placement).length,
      0,
    );
  const soft = (pod.spec.topologySpreadConstraints ?? []).filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === 'ScheduleAnyway',
  );
  const crowd = soft.reduce((sum, { topologyKey, labelSelector }) => {
    const counts = countsByDomain(placement, topologyKey, labelSelector);
    return sum + (counts.get(node.metadata.labels?.[topologyKey] ?? '') ?? 0);
  }, 0);
  return weigh(near) - weigh(far) - crowd * 100;
}
