/** A gateway in a process of its own for the benchmark: before the server on `BACKEND_PORT`, with or without a bulkhead. Prints its URL. */
import { DEFAULT_POLICIES } from '../../src/gateway/policies.ts';
import { BULKHEAD } from '../gateway/pool-world.ts';
import { startWorld } from '../gateway/world.ts';

const bulkheads = process.env['BULKHEAD'] === 'yes' ? [BULKHEAD] : [];
const world = await startWorld({
  backends: [Number(process.env['BACKEND_PORT'])],
  config: { policies: { ...DEFAULT_POLICIES, bulkheads } },
});
console.log(world.pod(0).url.href);
