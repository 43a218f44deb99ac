/** How busy the machine was while a soak ran: whoever reads its times has to know. */
import { cpus, type CpuInfo } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface MachineUse {
  readonly processors: number;
  /** Of all processors, by all processes. */
  readonly busyPercent: number;
  /** How late timers of this process were. */
  readonly loopDelay: LoopDelay;
}

export interface LoopDelay {
  readonly p99Ms: number;
  readonly maxMs: number;
}

const RESOLUTION_MS = 10;
const NS_PER_MS = 1e6;

/** Begins to watch this process's event loop; the function returned tells and ends that. */
export function watchLoop(): () => LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const ms = (ns: number): number => Math.max(0, Math.round(ns / NS_PER_MS - RESOLUTION_MS));
  return () => {
    histogram.disable();
    return { p99Ms: ms(histogram.percentile(99)), maxMs: ms(histogram.max) };
  };
}

/** Begins to watch the machine; the function returned tells what it was since. */
export function watchMachine(): () => MachineUse {
  const before = sum(cpus());
  const loop = watchLoop();
  return () => {
    const after = sum(cpus());
    const total = after.total - before.total;
    const busyPercent = Math.round(100 * (1 - (after.idle - before.idle) / Math.max(1, total)));
    return { processors: cpus().length, busyPercent, loopDelay: loop() };
  };
}

function sum(processors: readonly CpuInfo[]): { readonly idle: number; readonly total: number } {
  const times = processors.map((each) => each.times);
  const idle = times.reduce((all, time) => all + time.idle, 0);
  const busy = times.reduce((all, { user, nice, sys, irq }) => all + user + nice + sys + irq, 0);
  return { idle, total: idle + busy };
}
