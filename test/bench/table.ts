/** The table of a benchmark: what was measured, what the goal is, and whether it is reached. */
import type { Sample } from './measure.ts';

/** One line of the table. */
export interface Row {
  /** Its name in the JSON. */
  readonly name: string;
  readonly what: string;
  readonly ours: string;
  /** Empty where there is nothing to compare with. */
  readonly peer: string;
  /** What the goal is about: a ratio to the peer, or a value of its own. */
  readonly value: number;
  readonly goal: { readonly atLeast: number } | { readonly atMost: number };
}

export function reached({ value, goal }: Row): boolean {
  return 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost;
}

const number = (value: number): string => Number(value.toPrecision(3)).toLocaleString('en');

/** Median and range with a unit. */
export function range({ median, min, max }: Sample, unit: string): string {
  return `${number(median)} (${number(min)}–${number(max)}) ${unit}`;
}

/** The rows as a table for the terminal and for Markdown; `peer` heads the column of whom we are compared with. */
export function table(rows: readonly Row[], peer: string): string[] {
  const cells = rows.map((row) => [
    row.what,
    row.ours,
    row.peer === '' ? '–' : row.peer,
    number(row.value),
    'atLeast' in row.goal ? `≥ ${row.goal.atLeast}` : `≤ ${row.goal.atMost}`,
    reached(row) ? 'reached' : 'not reached',
  ]);
  const all = [['row', 'ours', peer, 'value', 'goal', ''], ...cells];
  const widths = all[0]?.map((_, column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths?.[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths?.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(all[0] as string[]), rule, ...all.slice(1).map(line)];
}
