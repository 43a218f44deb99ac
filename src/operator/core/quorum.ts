/** Arithmetic of majorities. */

/** Fewest of so many voters that are more than half. */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}
