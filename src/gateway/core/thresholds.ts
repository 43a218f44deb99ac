/** Whether a server is well, by its probes: it takes several of a kind in a row to change that, but no doubt to be gone. */

export interface ThresholdRules {
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
}

/** `gone`: its address refuses connections, which needs no second probe. */
export type ProbeResult = 'ok' | 'failed' | 'gone';

export interface Thresholds {
  /** Takes in one probe; the answer is whether the server counts as well now. */
  take(result: ProbeResult, rules: ThresholdRules): boolean;
}

export function createThresholds(): Thresholds {
  let state: 'unknown' | 'well' | 'ill' = 'unknown';
  let inARow = 0;
  return {
    take(result, rules) {
      const agrees = (result === 'ok') === (state === 'well');
      inARow = agrees ? 0 : inARow + 1;
      const needed =
        result === 'gone' || state === 'unknown'
          ? 1
          : result === 'ok'
            ? rules.healthyThreshold
            : rules.unhealthyThreshold;
      if (!agrees && inARow >= needed) {
        state = result === 'ok' ? 'well' : 'ill';
        inARow = 0;
      }
      return state === 'well';
    },
  };
}
