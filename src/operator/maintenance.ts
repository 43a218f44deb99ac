/**
 * Windows of maintenance: whether one is open at an instant, and when the next one opens. Cron is `croner`'s: a window that would
 * open in the hour that clocks skip opens right after it, and one in the hour that they repeat opens once. A CronJob would not run
 * in the one and run twice in the other, but a night without a window keeps an update waiting for nothing.
 */
import { Cron } from 'croner';
import type { McpCluster } from '../api/index.ts';
import { timeZoneProblem } from '../kube/index.ts';
import { timeText } from '../std/index.ts';
import { durationMs, type MaintenanceWindow } from './core/index.ts';

/** `nowMs` is wall time. An instant at which one window ends and the next begins belongs to the next. */
export function maintenanceWindow({ spec }: McpCluster, nowMs: number): MaintenanceWindow {
  const wanted = spec.update.maintenanceWindow;
  if (wanted === undefined) return { kind: 'always' };
  const { schedule, duration, timeZone } = wanted;
  const wrongZone = timeZoneProblem(timeZone);
  if (wrongZone !== undefined) return unusable('.timeZone', wrongZone);
  try {
    const cron = new Cron(schedule, { timezone: timeZone, mode: '5-part', paused: true });
    // The first one that cannot be over yet.
    const opensAt = cron.nextRun(new Date(nowMs - durationMs(duration)))?.getTime();
    if (opensAt === undefined)
      return unusable('.schedule', `"${schedule}" names no day that comes`);
    if (opensAt <= nowMs) return { kind: 'open' };
    return { kind: 'closed', opensAt, opensAtText: timeText(opensAt) };
  } catch (error) {
    return unusable('.schedule', (error as Error).message);
  }
}

function unusable(field: '.schedule' | '.timeZone', why: string): MaintenanceWindow {
  return { kind: 'unusable', message: `spec.update.maintenanceWindow${field}: ${why}` };
}
