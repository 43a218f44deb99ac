/** Reads single numbers out of Prometheus' text format. */

interface Series {
  readonly labels: string;
  readonly value: number;
}

function seriesOf(text: string, name: string): Series[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => ({
      labels: line.slice(name.length, line.lastIndexOf(' ')),
      value: Number(line.slice(line.lastIndexOf(' ') + 1)),
    }));
}

/** Sum of all series of this name. */
export function total(text: string, name: string): number {
  return seriesOf(text, name).reduce((sum, { value }) => sum + value, 0);
}

/** Upper bound of the bucket in which the `q` quantile lies, over all series of a histogram. */
export function quantile(text: string, name: string, q: number): number {
  const buckets = new Map<number, number>();
  for (const { labels, value } of seriesOf(text, `${name}_bucket`)) {
    const bound = Number(/le="([^"]+)"/.exec(labels)?.[1]?.replace('+Inf', 'Infinity'));
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const count = sorted.at(-1)?.[1] ?? 0;
  return sorted.find(([, value]) => value >= q * count)?.[0] ?? Number.NaN;
}
