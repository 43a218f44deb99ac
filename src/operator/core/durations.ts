/** Durations as resources write them. */
import { parseDuration, required } from '../../std/index.ts';

/** Milliseconds of `text`; the API server admits nothing that is not a duration. */
export function durationMs(text: string): number {
  return Math.round(required(parseDuration(text), `not a duration: ${text}`));
}
