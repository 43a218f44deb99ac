/** Side-by-side measurements on this machine: `npm run bench -- [wal|gateway] [--json]`. Ratios count, not rates. */
import { Argument, Command } from 'commander';
import { benchGateway } from './gateway.ts';
import { benchWal } from './wal.ts';

const BENCHMARKS = { wal: benchWal, gateway: benchGateway } as const;

const program = new Command('bench')
  .addArgument(
    new Argument('[name]', 'one benchmark (default: all)').choices(Object.keys(BENCHMARKS)),
  )
  .option('--json', 'print the ratios as one JSON object on the last line')
  .parse();
const [only] = program.args;
const ratios: Record<string, number> = {};
for (const [name, run] of Object.entries(BENCHMARKS)) {
  if (only === undefined || only === name) Object.assign(ratios, await run(console.error));
}
if (program.opts<{ json?: boolean }>().json === true) console.log(JSON.stringify(ratios));
