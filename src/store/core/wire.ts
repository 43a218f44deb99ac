/** Reading JSON that another process wrote: each function returns what it expects or throws a TypeError. */

export type Wire = readonly unknown[];

export function list(value: unknown): Wire {
  if (!Array.isArray(value)) throw new TypeError('expected a list');
  return value as Wire;
}

export function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('expected a text');
  return value;
}

export function number(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new TypeError('expected an integer');
  return value as number;
}

export function oneOf<T extends string>(allowed: readonly T[], value: unknown): T {
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw new TypeError(`expected one of ${allowed.join(' ')}`);
  return found;
}
