/** Waiting for what nobody announces: asks again and again until there is an answer. */
import { delay, type Clock } from '../std/index.ts';

/** Twenty questions a second stay well below the API client's own limit. */
const INTERVAL_MS = 50;

/** Resolves with the first answer of `probe` that is not undefined; after `limit.ms` rejects with `limit.message`. */
export async function poll<T>(
  clock: Clock,
  probe: () => T | undefined | Promise<T | undefined>,
  limit: { readonly ms: number; readonly message: string } = { ms: Infinity, message: '' },
): Promise<T> {
  const deadline = clock.monotonic() + limit.ms;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined) return answer;
    if (clock.monotonic() > deadline) throw new Error(limit.message);
    await delay(clock, INTERVAL_MS);
  }
}
