/** Custom resources: everything that is special about them is in their schema. */
import { createStrategy, type Strategy } from '../strategy.ts';

/** `hasStatus`: the definition enables the status subresource. */
export function customStrategy(hasStatus: boolean): Strategy {
  return createStrategy({
    unconditionalUpdate: false,
    generation: true,
    prepareForCreate(object) {
      object.metadata.generation = 1;
      if (hasStatus) delete object['status'];
    },
  });
}
