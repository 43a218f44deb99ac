/**
 * When a CronJob runs: at every minute whose reading of the clock in its time zone fits the schedule, as the library does that
 * Kubernetes uses (robfig/cron). What falls into the hour that clocks skip is left out, and what falls into the hour that they
 * repeat comes twice. `croner` reads the schedules; it moves the one and drops the other, which is mended here.
 */
import { Cron } from 'croner';

export interface CronTimes {
  /** The first run after an instant, in milliseconds since 1970; undefined for a schedule that names no day that comes. */
  next(afterMs: number): number | undefined;
  /** The last run at an instant or before it; undefined when there was none for years. */
  last(atMs: number): number | undefined;
}

/** By how much clocks are put back: half an hour on Lord Howe Island, an hour elsewhere. */
const PUT_BACK_MS = [1_800_000, 3_600_000] as const;
const PUT_BACK_MS_MAX = 3_600_000;

/** Five fields or a name such as `@daily`, in the time zone of the process unless one is given. Throws for what is neither. */
export function cronTimes(schedule: string, timeZone?: string): CronTimes {
  const zone = timeZone === undefined ? {} : { timezone: timeZone };
  const cron = new Cron(schedule, { ...zone, mode: '5-part', paused: true });
  const changesNear = clockChanges(timeZone);
  const fits = (ms: number): boolean => cron.match(new Date(ms));
  const nextFitting = (afterMs: number): number | undefined => {
    let run = cron.nextRun(new Date(afterMs));
    while (run !== null && !cron.match(run)) run = cron.nextRun(run);
    return run?.getTime();
  };
  /** Runs that come a second time, of those that came before: croner knows the first time only. */
  const repeated = (afterMs: number): readonly number[] => {
    if (!changesNear(afterMs)) return [];
    const again: number[] = [];
    let run = nextFitting(afterMs - PUT_BACK_MS_MAX - 1);
    while (run !== undefined && run <= afterMs) {
      const first = run;
      again.push(...PUT_BACK_MS.map((ms) => first + ms).filter((ms) => ms > afterMs && fits(ms)));
      run = nextFitting(first);
    }
    return again;
  };
  const next = (afterMs: number): number | undefined => {
    const runs = [nextFitting(afterMs), ...repeated(afterMs)].filter((run) => run !== undefined);
    return runs.length === 0 ? undefined : Math.min(...runs);
  };
  return {
    next,
    last(atMs) {
      let [run] = cron.previousRuns(1, new Date(atMs + 1));
      while (run !== undefined && !cron.match(run)) [run] = cron.previousRuns(1, run);
      let last = run?.getTime();
      for (let later = last; later !== undefined && later <= atMs; later = next(later))
        last = later;
      return last;
    },
  };
}

/** What is wrong with the name of a time zone, and what to do; undefined when nothing is. */
export function timeZoneProblem(timeZone: string): string | undefined {
  try {
    Intl.DateTimeFormat('en', { timeZone });
    return undefined;
  } catch {
    return `"${timeZone}" is no time zone: name one such as Europe/Berlin or UTC`;
  }
}

/** Tells whether clocks change within an hour of an instant. */
function clockChanges(timeZone: string | undefined): (ms: number) => boolean {
  const format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
  // Such as `GMT+02:00`.
  const offset = (ms: number): string | undefined =>
    format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value;
  return (ms) => offset(ms - PUT_BACK_MS_MAX) !== offset(ms + PUT_BACK_MS_MAX);
}
