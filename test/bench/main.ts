/** Side-by-side measurements on this machine: `npm run bench -- [wal|gateway|bulkhead|raft|pick|operator] [--json]`. Ratios count, not rates. */
import { Argument, Command, Option } from 'commander';
import { benchBulkhead } from './bulkhead.ts';
import { benchGateway, GATEWAY_PARTS } from './gateway/bench.ts';
import { benchOperator, OPERATOR_PARTS } from './operator/bench.ts';
import { benchPick } from './pick.ts';
import { benchRaft, RAFT_PARTS } from './raft/bench.ts';
import { benchWal } from './wal.ts';

interface Flags {
  readonly json?: true;
  readonly only?: string[];
  readonly short?: true;
  readonly minutes?: number;
  readonly repetitions?: number;
  readonly kills?: number;
  readonly catchUpMb?: number;
  readonly profile?: string;
  readonly seconds?: number;
  readonly streams?: number;
  readonly clusters?: number;
}

const numberFlag = (flags: string, text: string): Option =>
  new Option(flags, text).argParser((value) => {
    if (Number(value) > 0) return Number(value);
    throw new Error(`${flags}: ${value} is not a number above 0`);
  });

const PARTS = [...Object.keys(RAFT_PARTS), ...Object.keys(GATEWAY_PARTS), ...OPERATOR_PARTS];

const program = new Command('bench')
  .addArgument(
    new Argument('[name]', 'one benchmark (default: wal and gateway)').choices([
      'wal',
      'gateway',
      'bulkhead',
      'raft',
      'pick',
      'operator',
    ]),
  )
  .option('--json', 'print the ratios as one JSON object on the last line')
  .option('--short', 'show that it works, in a minute or two, where that says little of speed')
  .addOption(numberFlag('--minutes <number>', 'raft: length of the run at full load (default 1)'))
  .addOption(numberFlag('--repetitions <number>', 'of each measured load (default 3)'))
  .addOption(numberFlag('--kills <number>', 'raft: outages of each kind (default 20)'))
  .addOption(
    numberFlag('--catch-up-mb <number>', 'raft: how far the follower is behind (default 1024)'),
  )
  .addOption(numberFlag('--seconds <number>', 'gateway: length of each load (default 3)'))
  .addOption(numberFlag('--streams <number>', 'gateway: idle streams (default 5000)'))
  .addOption(numberFlag('--clusters <number>', 'operator: how many it looks after (default 200)'))
  .option('--profile <folder>', 'write processor profiles of our members there')
  .addOption(
    new Option('--only <parts>', `raft, gateway, operator: some of ${PARTS.join(',')}`).argParser(
      (value) => {
        const parts = value.split(',');
        const unknown = parts.find((part) => !PARTS.includes(part));
        if (unknown === undefined) return parts;
        throw new Error(`--only: no ${unknown} among ${PARTS.join(', ')}`);
      },
    ),
  )
  .parse();
const [name] = program.args;
const flags = program.opts<Flags>();
const short = flags.short === true;

const BENCHMARKS = {
  wal: () => benchWal(console.error, { short }),
  gateway: () =>
    benchGateway(console.error, flags.only, {
      repetitions: flags.repetitions ?? (short ? 1 : 3),
      seconds: flags.seconds ?? (short ? 1 : 3),
      streams: flags.streams ?? (short ? 200 : 5_000),
      profileDir: flags.profile,
    }),
  bulkhead: () => benchBulkhead(console.error),
  pick: () => benchPick(console.error),
  operator: () =>
    benchOperator(console.error, flags.only, {
      repetitions: flags.repetitions ?? (short ? 3 : 10),
      clusters: flags.clusters ?? (short ? 20 : 200),
    }),
  raft: () =>
    benchRaft(console.error, flags.only, {
      short,
      minutes: flags.minutes ?? (short ? 0.1 : 1),
      repetitions: flags.repetitions ?? (short ? 1 : 3),
      kills: flags.kills ?? (short ? 2 : 20),
      catchUpMb: flags.catchUpMb ?? (short ? 16 : 1_024),
      profileDir: flags.profile,
    }),
} as const;

const ratios: Record<string, number> = {};
for (const [benchmark, run] of Object.entries(BENCHMARKS)) {
  if (
    name === undefined
      ? !['bulkhead', 'raft', 'pick', 'operator'].includes(benchmark)
      : name === benchmark
  ) {
    Object.assign(ratios, await run());
  }
}
if (flags.json === true) console.log(JSON.stringify(ratios));
