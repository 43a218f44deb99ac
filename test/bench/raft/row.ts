/** What every row of the Raft benchmark is given and gives back. */
import type { Sample } from '../measure.ts';

export interface RaftBenchOptions {
  /** Fewer and shorter runs, for CI: shows that everything works, not how fast it is. */
  readonly short: boolean;
  /** How long the run at full load is, in minutes. */
  readonly minutes: number;
  readonly repetitions: number;
  /** Deaths of a leader, of each kind. */
  readonly kills: number;
  /** How far behind the follower is, in MB. */
  readonly catchUpMb: number;
  /** A folder for processor profiles of our members. */
  readonly profileDir: string | undefined;
}

/** One line of the table. */
export interface Row {
  /** Its name in the JSON. */
  readonly name: string;
  readonly what: string;
  readonly ours: string;
  /** Empty where there is nothing to compare with. */
  readonly etcd: string;
  /** What the goal is about: a ratio to etcd, or a value of its own. */
  readonly value: number;
  readonly goal: { readonly atLeast: number } | { readonly atMost: number };
}

/** A part of the benchmark: measures one or more rows, or says why it cannot. */
export interface Part {
  /** Without etcd there is nothing to compare with. */
  readonly needsEtcd: boolean;
  readonly needsLoader: boolean;
  run(options: RaftBenchOptions, print: (line: string) => void): Promise<Row[]>;
}

export function reached({ value, goal }: Row): boolean {
  return 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost;
}

const number = (value: number): string => Number(value.toPrecision(3)).toLocaleString('en');

/** Median and range with a unit. */
export function range({ median, min, max }: Sample, unit: string): string {
  return `${number(median)} (${number(min)}–${number(max)}) ${unit}`;
}

/** The rows as a table for the terminal and for Markdown. */
export function table(rows: readonly Row[]): string[] {
  const cells = rows.map((row) => [
    row.what,
    row.ours,
    row.etcd === '' ? '–' : row.etcd,
    number(row.value),
    'atLeast' in row.goal ? `≥ ${row.goal.atLeast}` : `≤ ${row.goal.atMost}`,
    reached(row) ? 'reached' : 'not reached',
  ]);
  const all = [['row', 'ours', 'etcd', 'value', 'goal', ''], ...cells];
  const widths = all[0]?.map((_, column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths?.[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths?.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(all[0] as string[]), rule, ...all.slice(1).map(line)];
}
