/**
 * Is what clients see linearizable, whatever befalls the members? `npm run linearize -- --seconds 60 --runs 5 --seed 1 --out DIR`
 * keeps the histories in DIR and judges them with our checker and, where there is Go, with Porcupine.
 */
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { FAULT_NAMES, type FaultName } from './faults.ts';
import { buildGoJudge, porcupineDirectory } from './go-judge.ts';
import { runOnce } from './run.ts';

interface Options {
  readonly seconds: number;
  readonly runs: number;
  readonly seed: number;
  readonly out?: string;
  readonly reads: 'quorum' | 'lease';
  readonly faults: FaultName[];
}

async function main(options: Options): Promise<boolean> {
  const { seconds, runs, seed } = options;
  const out = options.out ?? (await mkdtemp(join(tmpdir(), 'linearize-')));
  await mkdir(out, { recursive: true });
  const second = porcupineDirectory() === undefined ? undefined : await buildGoJudge(out);
  if (second === undefined) console.log('no Go here: Porcupine gives no second opinion');
  let passed = true;
  for (let i = seed; i < seed + runs; i++) {
    const report = (line: string): void => console.log(`  ${line}`);
    const { historyPath, calls, counts, verdict } = await runOnce({
      seconds,
      seed: i,
      directory: out,
      reads: options.reads,
      faults: options.faults,
      report,
    });
    const theirs = (await second?.([historyPath]))?.[0];
    const told = [verdict.verdict, ...(theirs === undefined ? [] : [`Porcupine: ${theirs}`])];
    const { ok, fail, unknown } = counts;
    console.log(
      `seed ${i}: ${told.join(', ')}; ${calls} calls: ${ok} ok, ${fail} without effect, ${unknown} unknown; ${historyPath}`,
    );
    if (verdict.verdict === 'not-linearizable') {
      console.log(`  no order explains ${JSON.stringify(verdict.stuck)}`);
      console.log(`  in the states ${JSON.stringify(verdict.states)}`);
    }
    passed &&= verdict.verdict === 'linearizable' && (theirs ?? 'linearizable') === 'linearizable';
  }
  return passed;
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

const program = new Command('linearize')
  .option('--seconds <count>', 'how long each run has faults', wholeNumber, 60)
  .option('--runs <count>', 'how many runs', wholeNumber, 5)
  .option('--seed <number>', 'of the first run; the next ones count up', wholeNumber, 1)
  .addOption(
    new Option('--reads <how>', 'how members read').choices(['quorum', 'lease']).default('quorum'),
  )
  .addOption(
    new Option('--faults <names...>', 'what befalls them')
      .choices(FAULT_NAMES)
      .default(FAULT_NAMES),
  )
  .option(
    '--out <directory>',
    'where histories, logs and data go (default: a new temporary folder)',
  )
  .parse();
process.exit((await main(program.opts<Options>())) ? 0 : 1);
