/** What a row of probe results amounts to. */

export interface ProbeThresholds {
  readonly success: number;
  readonly failure: number;
}

/** The verdict so far, and how many equal results in a row speak for the opposite or the same. */
export interface ProbeState {
  readonly verdict: 'success' | 'failure' | 'unknown';
  readonly lastResult?: boolean;
  readonly run: number;
}

export const initialProbeState = (verdict: ProbeState['verdict']): ProbeState => ({
  verdict,
  run: 0,
});

/** The state after one more result: the verdict turns when as many equal results came in a row as its threshold says. */
export function afterProbe(
  state: ProbeState,
  result: boolean,
  thresholds: ProbeThresholds,
): ProbeState {
  const run = state.lastResult === result ? state.run + 1 : 1;
  const needed = result ? thresholds.success : thresholds.failure;
  const verdict = run >= needed ? (result ? 'success' : 'failure') : state.verdict;
  return { verdict, lastResult: result, run };
}
