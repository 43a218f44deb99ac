/** Only pods with the labels a request needs; among them another strategy chooses. */
import type { Balancer, Candidate, Picker } from './balancer.ts';

/** Sets of labels with a picker of their own; they come from the resource, one for each tool it names. */
const LABEL_SETS_MAX = 256;

/** Wraps a strategy; each set of labels has its own balancer, so that the turns of one do not disturb another's. */
export function withCapabilities(create: () => Balancer): Balancer {
  const everybody = create();
  const balancers = new Map<string, Balancer>();
  return {
    update(candidates) {
      const all = everybody.update(candidates);
      const pickers = new Map<string, Picker>();
      const pickerFor = (requires: readonly string[]): Picker => {
        const key = JSON.stringify(requires);
        const known = pickers.get(key);
        if (known !== undefined) return known;
        const balancer = balancers.get(key) ?? create();
        if (balancers.size < LABEL_SETS_MAX) balancers.set(key, balancer);
        const picker = balancer.update(candidates.filter((each) => hasAll(each, requires)));
        if (pickers.size < LABEL_SETS_MAX) pickers.set(key, picker);
        return picker;
      };
      return {
        pick(request) {
          const { requires = [] } = request;
          return (requires.length === 0 ? all : pickerFor(requires)).pick(request);
        },
      };
    },
  };
}

/** True when the pod has every label. */
export function hasAll(
  { capabilities }: Pick<Candidate, 'capabilities'>,
  requires: readonly string[],
): boolean {
  return requires.every((label) => capabilities.includes(label));
}
