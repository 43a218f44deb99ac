/**
 * `npm run simulate -- --seed N [--seeds COUNT] [--trace FILE]`: runs seeds over two threads, and makes the first one that
 * fails as small as it can, with the command that replays it. One seed alone prints one line an event.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { huntAll, MUTANT_SEEDS } from '../mutation/hunt.ts';
import { FAULTS, type Fault, type Reduction } from './settings.ts';
import { numbersIn, replayCommand, shrink } from './shrink.ts';
import { sweep } from './sweep.ts';
import { checkTrace } from './tla-model.ts';
import { simulate, type SimulationResult } from './world.ts';

const USAGE = `usage: npm run simulate -- --seed NUMBER [--seeds COUNT] [--threads COUNT] [--quiet] [--trace FILE] [--mutate]
  of one seed: [--nodes COUNT] [--horizon MS] [--without FAULT,…] [--drop EVENT,…]
  --mutate looks, for each real bug of others put back, for a seed that finds it
  --trace writes the run in the event schema of etcd's TLA+ trace validation
`;
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    quiet: { type: 'boolean', default: false },
    mutate: { type: 'boolean', default: false },
    nodes: { type: 'string' },
    horizon: { type: 'string' },
    without: { type: 'string' },
    drop: { type: 'string' },
    trace: { type: 'string' },
  },
});
const print = (line: string): void => void process.stdout.write(`${line}\n`);

function number(text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    process.stderr.write(USAGE);
    process.exit(2);
  }
  return value;
}

function reductionOf(): Reduction {
  const without = values.without?.split(',') as Fault[] | undefined;
  if (without?.some((fault) => !FAULTS.includes(fault)) === true) {
    process.stderr.write(`${USAGE}  faults: ${FAULTS.join(', ')}\n`);
    process.exit(2);
  }
  return {
    nodes: number(values.nodes, 1),
    horizonMs: number(values.horizon, 0),
    without,
    drop: values.drop === undefined ? undefined : numbersIn(values.drop),
  };
}

function summary(result: SimulationResult): string {
  const { seed, events, committed, acknowledged, reads, hash } = result;
  return `seed ${seed}: ok, ${events} events, ${committed} committed, ${acknowledged} acknowledged, ${reads} reads, trace ${hash}`;
}

function explain(result: SimulationResult): never {
  const { seed, violation } = result;
  print(`seed ${seed}: ${violation?.message}`);
  print(`replay: ${replayCommand(seed, {})}`);
  const smaller = shrink(seed, result);
  print(`smallest of ${smaller.runs} runs: ${smaller.result.violation?.message}`);
  print(`replay: ${replayCommand(seed, smaller.reduction)}`);
  process.exit(1);
}

function one(seed: number): void {
  const reduction = reductionOf();
  const { trace } = values;
  const lines: string[] = [];
  const result = simulate(seed, {
    ...reduction,
    onLine: values.quiet ? undefined : print,
    onTrace: trace === undefined ? undefined : (line) => lines.push(line),
  });
  if (trace !== undefined) {
    const file = openSync(trace, 'w');
    writeSync(file, lines.map((line) => `${line}\n`).join(''));
    closeSync(file);
    const { steps } = checkTrace(lines);
    print(
      `${trace}: ${lines.length} events, ${steps} steps of the specification, its invariants hold`,
    );
  }
  const reduced = Object.values(reduction).some((value) => value !== undefined);
  if (result.violation === undefined) return print(summary(result));
  if (!reduced && trace === undefined) return explain(result);
  print(`seed ${seed}: ${result.violation.message}`);
  process.exit(1);
}

const seed = number(values.seed, 0) as number;
const count = number(values.seeds, 1) as number;
if (values.mutate) await huntAll(seed, count === 1 ? MUTANT_SEEDS : count, print);
else if (count === 1) one(seed);
else {
  const started = performance.now();
  const total = await sweep(seed, count, number(values.threads, 1) as number);
  const [failure] = total.failures;
  if (failure !== undefined) explain(simulate(failure.seed));
  const seconds = (performance.now() - started) / 1000;
  const cpu = process.cpuUsage();
  print(
    `${total.seeds} seeds ok: ${(total.seeds / seconds).toFixed(1)} seeds/s ` +
      `(${((total.seeds * 1e6) / (cpu.user + cpu.system)).toFixed(1)} a second of processor time), ` +
      `${(total.virtualMs / 3_600_000).toFixed(2)} virtual hours in ${seconds.toFixed(1)} s, ` +
      `${total.events} events, ${total.committed} committed, ${total.acknowledged} acknowledged, ${total.reads} reads`,
  );
}
