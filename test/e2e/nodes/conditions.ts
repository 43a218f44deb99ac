/** What the operator says of a cluster, and when. */
import { eventually } from '../../eventually.ts';
import type { Arena } from '../arena.ts';

/** The condition's message, once it has this reason. */
export function because(
  arena: Arena,
  name: string,
  type: string,
  reason: string,
  timeoutMs = 90_000,
): Promise<string> {
  return eventually(
    `${type} because of ${reason}`,
    async () => {
      const { conditions = [] } = (await arena.get(name)).status ?? {};
      return conditions.find((each) => each.type === type && each.reason === reason)?.message;
    },
    timeoutMs,
  );
}
