/** `npm run simulate -- --seed N [--seeds COUNT] [--trace]`: runs seeds, prints how to replay the first one that fails. */
import { parseArgs } from 'node:util';
import { simulate } from './world.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
const count = Number(values.seeds);
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
  process.stderr.write('usage: npm run simulate -- --seed NUMBER [--seeds COUNT] [--trace]\n');
  process.exit(2);
}
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const trace = values.trace || count === 1;
const started = performance.now();
let virtualMs = 0;
for (let seed = first; seed < first + count; seed++) {
  const result = simulate(seed, trace ? { onLine: print } : {});
  virtualMs += result.virtualMs;
  if (result.violation !== undefined) {
    print(`seed ${seed}: ${result.violation.message}`);
    print(`replay: npm run simulate -- --seed ${seed}`);
    process.exit(1);
  }
  if (trace) {
    print(
      `seed ${seed}: ok, ${result.events} events, ${result.committed} committed, trace ${result.hash}`,
    );
  }
}
const seconds = (performance.now() - started) / 1000;
print(
  `${count} seeds ok: ${(count / seconds).toFixed(1)} seeds/s, ${(virtualMs / 3_600_000).toFixed(2)} virtual hours in ${seconds.toFixed(1)} s`,
);
