/**
 * What is particular to each kind: defaults, immutable fields, initial status, selectable fields, grace periods. One file
 * a family of kinds; the table here says which resource follows which.
 */
import { createStrategy, type Strategy } from '../strategy.ts';
import { coreEventStrategy, eventStrategy } from './event.ts';
import { namespaceStrategy } from './namespace.ts';

export { customStrategy } from './custom.ts';

const STRATEGIES: Readonly<Record<string, Strategy>> = {
  events: coreEventStrategy,
  'events.events.k8s.io': eventStrategy,
  namespaces: namespaceStrategy,
};

const PLAIN = createStrategy({});

/** The strategy of a built-in resource. */
export function strategyOf(group: string, plural: string): Strategy {
  return STRATEGIES[group === '' ? plural : `${plural}.${group}`] ?? PLAIN;
}
