/**
 * The public MCP conformance suite, on the fixture server directly, through one pod, and through several with every
 * request sprayed at random over them: equal, check by check, or exit code 1.
 *   npm run conformance -- --replicas 1,3 --requirements 2025-11-25,2026-07-28 [--seed N] [--json]
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { startLaptop } from '../../src/cli/laptop.ts';
import { createProgress } from '../../src/cli/progress.ts';
import { createLifecycle, onTerminationSignal, systemClock } from '../../src/host/index.ts';
import { compareVerdicts, countVerdicts, runSuite, type Verdicts } from './suite.ts';
import { differenceLines, table } from './table.ts';
import { FIXTURE_IMAGES, startCluster, startDirect } from './targets.ts';

interface Options {
  readonly replicas: readonly number[];
  readonly requirements: readonly string[];
  readonly seed: number;
  readonly json?: boolean;
  readonly backend: 'embedded' | 'kubebuilder';
}

const REVISIONS = ['2025-11-25', '2026-07-28'];

function parseOptions(): Options {
  return new Command('conformance')
    .option('--replicas <counts>', 'pods of the cluster, several by commas', parseReplicas, [1, 3])
    .option('--requirements <revisions>', REVISIONS.join(), parseRevisions, REVISIONS)
    .option('--seed <number>', 'of the pods that requests are sent to', Number, 1)
    .addOption(
      new Option('--backend <kind>', 'API server')
        .choices(['embedded', 'kubebuilder'])
        .default('embedded'),
    )
    .option('--json', 'print one JSON object on the last line')
    .parse()
    .opts<Options>();
}

function parseReplicas(text: string): number[] {
  const counts = text.split(',').map(Number);
  if (counts.some((count) => !Number.isInteger(count) || count < 1 || count > 7)) {
    throw new InvalidArgumentError('numbers from 1 to 7');
  }
  return counts;
}

function parseRevisions(text: string): string[] {
  const revisions = text.split(',');
  if (revisions.some((revision) => !REVISIONS.includes(revision))) {
    throw new InvalidArgumentError(`some of ${REVISIONS.join()}`);
  }
  return revisions;
}

async function main(): Promise<number> {
  const options = parseOptions();
  const lifecycle = createLifecycle();
  const progress = createProgress(systemClock, process.stderr);
  onTerminationSignal(() => void lifecycle.stop().then(() => process.exit(130)));
  try {
    const directUrl = await startDirect(lifecycle);
    const laptop = await startLaptop({
      backend: options.backend,
      extraImages: FIXTURE_IMAGES,
      progress,
      lifecycle,
    });
    const clusters = new Map<number, string>();
    for (const replicas of options.replicas) {
      const choice = { replicas, seed: options.seed };
      clusters.set(replicas, await startCluster(laptop, choice, progress, lifecycle));
    }
    const results = [];
    for (const requirements of options.requirements) {
      const run = (name: string, url: string): Promise<Verdicts> =>
        progress.wait(`${requirements}, ${name}`, () => runSuite(url, requirements));
      const direct = await run('directly', directUrl);
      for (const [replicas, url] of clusters) {
        const cluster = await run(`through ${replicas} pod(s)`, url);
        const differences = compareVerdicts(direct, cluster);
        results.push({
          requirements,
          replicas,
          checks: direct.size,
          direct: countVerdicts(direct),
          cluster: countVerdicts(cluster),
          differences,
        });
      }
    }
    await lifecycle.stop();
    progress.say(table(results));
    for (const line of differenceLines(results)) progress.say(line);
    if (options.json === true) console.log(JSON.stringify({ seed: options.seed, results }));
    return results.every(({ differences }) => differences.length === 0) ? 0 : 1;
  } finally {
    await lifecycle.stop();
  }
}

process.exit(await main());
