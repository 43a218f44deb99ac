/** Assertions for broken invariants: they crash the process, because a wrong answer is worse than a restart. */

/** An invariant of the program does not hold; never thrown for bad input. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws {@link InvariantError} unless `condition` holds; `message` says which invariant broke. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** The value, or {@link InvariantError} when it is null or undefined. */
export function required<T>(value: T | null | undefined, message: string): T {
  assert(value !== null && value !== undefined, message);
  return value;
}

/** Marks the branch of an exhaustive `switch` that no value can reach. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`);
}
