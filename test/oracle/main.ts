/** `node bin/run.mjs test/oracle/main.ts --seed N [--seeds COUNT]`: compares our core with etcd's raft, seed by seed. */
import { parseArgs } from 'node:util';
import { createRaftCore } from '../../src/raft/core/index.ts';
import { compareSeeds } from './compare.ts';
import { buildOracle, startOracle, whyNoOracle } from './oracle.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    length: { type: 'string', default: '300' },
  },
});
const [first, count, length] = [values.seed, values.seeds, values.length].map(Number) as [
  number,
  number,
  number,
];
if (![first, count, length].every((n) => Number.isSafeInteger(n) && n >= 1)) {
  process.stderr.write('usage: main.ts --seed NUMBER [--seeds COUNT] [--length EVENTS]\n');
  process.exit(2);
}
const reason = whyNoOracle();
if (reason !== undefined) {
  process.stdout.write(`skipped: ${reason}\n`);
  process.exit(0);
}
const oracle = startOracle(buildOracle());
const started = performance.now();
const { totals, difference } = await compareSeeds(oracle, { first, count, length }, createRaftCore);
await oracle.close();
const seconds = (performance.now() - started) / 1000;
process.stdout.write(
  difference === undefined
    ? `${totals.seeds} seeds alike: ${totals.events} events, ${totals.compared} times at rest, ${seconds.toFixed(1)} s\n`
    : `${difference.report}\n`,
);
process.exitCode = difference === undefined ? 0 : 1;
