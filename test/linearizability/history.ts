/** A recorded history as JSON lines, so that any other checker can read it. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { StoreOperation } from './models.ts';

/**
 * One call of a client. A process does one thing at a time; after an `unknown` its number is not used again.
 * - `ok`: it took effect between `start` and `end`. `output` is what was there before: the value a get read, a put or
 *   delete replaced, a cas matched; null when there was no such key.
 * - `fail`: it had no effect and never will. A cas whose comparison did not hold says in `output` what it saw; a put or
 *   delete that was refused has no `output`. (A refused cas is `unknown`, so that a failed one always is a comparison.)
 * - `unknown`: nobody knows whether it took effect, or will; `end` is when the client gave up.
 */
export interface HistoryRecord {
  readonly process: number;
  readonly op: 'get' | 'put' | 'cas' | 'delete';
  readonly key: string;
  /** What a put or cas writes: unique in the history. */
  readonly value?: string;
  /** What a cas compares with; null: no such key. */
  readonly expected?: string | null;
  readonly result: 'ok' | 'fail' | 'unknown';
  readonly output?: string | null;
  /** Nanoseconds of one clock. */
  readonly start: number;
  readonly end: number;
}

export function writeHistory(path: string, history: readonly HistoryRecord[]): void {
  writeFileSync(path, history.map((record) => `${JSON.stringify(record)}\n`).join(''));
}

export function readHistory(path: string): HistoryRecord[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as HistoryRecord);
}

/** What a checker must explain: without the calls that certainly did nothing, and reads that nobody saw the answer of. */
export function operationsOf(history: readonly HistoryRecord[]): StoreOperation[] {
  return history.flatMap((record) => {
    const { op, result, output } = record;
    if (result === 'fail' && output === undefined) return [];
    if (result === 'unknown' && op === 'get') return [];
    return [operationOf(record)];
  });
}

function operationOf(record: HistoryRecord): StoreOperation {
  const { op, key, value = '', expected = null, start, result } = record;
  const answered = result !== 'unknown';
  const common = {
    key,
    start,
    end: answered ? record.end : undefined,
    ...(answered ? { output: record.output ?? null } : {}),
  };
  if (op === 'put') return { ...common, op, value };
  if (op === 'cas') {
    return { ...common, op, value, expected, swapped: answered ? result === 'ok' : undefined };
  }
  return { ...common, op };
}
