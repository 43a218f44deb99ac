/** Defaults that a schema cannot express. */

/** Voters of a new cluster when the spec names none: the largest odd number that is at most `replicas` and at most 5. */
export function defaultVoters(replicas: number): number {
  const most = Math.min(replicas, 5);
  return most % 2 === 1 ? most : most - 1;
}
