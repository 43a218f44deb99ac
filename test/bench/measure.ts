/** What benchmarks share: interleaved repetitions, medians with their range, and a table. */

export interface Sample {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Median and range of repeated measurements. */
export function summarize(values: readonly number[]): Sample {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    median: sorted[Math.floor(sorted.length / 2)] as number,
    min: sorted[0] as number,
    max: sorted.at(-1) as number,
  };
}

/** Runs each contender once per repetition, in turn, so that a busy moment of the machine hits all of them. */
export async function interleave<Name extends string>(
  contenders: Readonly<Record<Name, () => Promise<number>>>,
  repetitions: number,
): Promise<Record<Name, Sample>> {
  const values = {} as Record<Name, number[]>;
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const [name, run] of Object.entries(contenders) as [Name, () => Promise<number>][]) {
      (values[name] ??= []).push(await run());
    }
  }
  return Object.fromEntries(
    Object.entries<number[]>(values).map(([name, list]) => [name, summarize(list)]),
  ) as Record<Name, Sample>;
}

/** A value with its range, three significant digits each. */
export function show({ median, min, max }: Sample): string {
  const text = (value: number): string => Number(value.toPrecision(3)).toLocaleString('en');
  return `${text(median)} (${text(min)}–${text(max)})`;
}
