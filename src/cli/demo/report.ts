/** What the demo found out: one object for programs, a timeline and a table for people. */
import type { CallSummary } from './calls.ts';
import { renderTimeline, type TimelineEntry } from './timeline.ts';

export interface DemoResult {
  readonly sessionId: { readonly before: string; readonly after: string };
  readonly owner: { readonly before: string; readonly after: string };
  readonly leaderKilled: boolean;
  readonly calls: { readonly ok: number; readonly retried: number; readonly failed: number };
  readonly failedAfterMove: number;
  readonly gapMs: number;
  readonly seconds: number;
}

export interface DemoObservations {
  readonly sessionId: DemoResult['sessionId'];
  readonly owner: DemoResult['owner'];
  readonly leaderKilled: boolean;
  readonly calls: CallSummary;
  readonly timeline: readonly TimelineEntry[];
  readonly killedAt: number;
  readonly seconds: number;
}

export function demoResult(seen: DemoObservations): DemoResult {
  const { ok, retried, failed, failedAfterMove, gapMs } = seen.calls;
  return {
    sessionId: seen.sessionId,
    owner: seen.owner,
    leaderKilled: seen.leaderKilled,
    calls: { ok, retried, failed },
    failedAfterMove,
    gapMs: Math.round(gapMs),
    seconds: Math.round(seen.seconds * 10) / 10,
  };
}

/** True when the promise held: the same session, and no call begun after the move got an error. */
export function promiseHeld(result: DemoResult): boolean {
  return (
    result.sessionId.before === result.sessionId.after &&
    result.failedAfterMove === 0 &&
    result.calls.failed === 0 &&
    result.owner.before !== result.owner.after
  );
}

/** The report for people, one string per line. */
export function renderReport(seen: DemoObservations): string[] {
  const result = demoResult(seen);
  const rows: [string, string][] = [
    ['calls answered at once', String(result.calls.ok)],
    ['calls answered after a retry', String(result.calls.retried)],
    ['calls failed', String(result.calls.failed)],
    ['errors after the move', String(result.failedAfterMove)],
    ['gap without an answer', `${result.gapMs} ms`],
    ['session id before', result.sessionId.before],
    ['session id after', result.sessionId.after],
    ['owner before → after', `${result.owner.before} → ${result.owner.after}`],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return [
    '',
    'Timeline (0 = every process of the pod killed)',
    ...renderTimeline(seen.timeline, seen.killedAt),
    '',
    ...rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`),
    '',
    promiseHeld(result)
      ? `✓ The session outlived its pod (${result.seconds} s in all).`
      : '✗ The session did not come through whole: see the table.',
  ];
}
