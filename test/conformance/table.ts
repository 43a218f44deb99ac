/** The results of the suite for people. */
import type { Difference } from './suite.ts';

export interface Result {
  readonly requirements: string;
  readonly replicas: number;
  readonly checks: number;
  readonly direct: Readonly<Record<string, number>>;
  readonly cluster: Readonly<Record<string, number>>;
  readonly differences: readonly Difference[];
}

const counts = (verdicts: Readonly<Record<string, number>>): string =>
  Object.entries(verdicts)
    .map(([verdict, count]) => `${count} ${verdict.toLowerCase()}`)
    .sort()
    .join(', ');

/** A Markdown table, one row for each requirement set and number of pods. */
export function table(results: readonly Result[]): string {
  const rows = results.map(
    ({ requirements, replicas, checks, direct, cluster, differences }) =>
      `| ${requirements} | ${replicas} | ${checks} | ${counts(direct)} | ${counts(cluster)} | ${differences.length} |`,
  );
  return [
    '| requirements | pods | checks | directly | through the cluster | differences |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** A line for each check that does not come out the same. */
export function differenceLines(results: readonly Result[]): string[] {
  return results.flatMap(({ requirements, replicas, differences }) =>
    differences.map(
      ({ check, direct, cluster, why }) =>
        `✗ ${requirements}, ${replicas} pod(s), ${check}: directly ${direct}, here ${cluster}${why === undefined ? '' : ` (${why})`}`,
    ),
  );
}
