/** Processes of a benchmark: their processor time and memory as Linux counts them, and an idle machine to begin on. */
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

const TICKS_PER_SECOND = 100;
const IDLE_SHARE_MIN = 0.85;

/** Microseconds of processor time that a process has taken. */
export async function cpuMicros(pid: number): Promise<number> {
  const [own] = await statMicros(pid);
  return own;
}

/** Microseconds of processor time that the children of this process have taken that have ended. */
export async function childrenMicros(): Promise<number> {
  const [, children] = await statMicros(process.pid);
  return children;
}

async function statMicros(pid: number): Promise<[own: number, children: number]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const micros = (at: number): number =>
    ((Number(fields[at]) + Number(fields[at + 1])) * 1_000_000) / TICKS_PER_SECOND;
  return [micros(11), micros(13)];
}

/** Resident memory of a process, in MB. */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

/** Runs `work` and returns its result with the processor time that `pids` took meanwhile, each. */
export async function withCpu<T>(
  pids: readonly number[],
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly micros: readonly number[] }> {
  const before = await Promise.all(pids.map(cpuMicros));
  const result = await work();
  const after = await Promise.all(pids.map(cpuMicros));
  return { result, micros: after.map((value, i) => value - (before[i] as number)) };
}

/** How long to wait for an idle machine, and how many runs did not find one. */
export const idleGate = { waitMs: 15_000, runs: 0, noisy: 0 };

/** Waits until the machine has little else to do; gives up in the end and counts that. */
export async function untilIdle(): Promise<void> {
  idleGate.runs += 1;
  const deadline = performance.now() + idleGate.waitMs;
  while (performance.now() < deadline) {
    const before = idleTicks();
    await pause(250);
    const after = idleTicks();
    if ((after.idle - before.idle) / (after.all - before.all) >= IDLE_SHARE_MIN) return;
  }
  idleGate.noisy += 1;
}

function idleTicks(): { idle: number; all: number } {
  const sum = { idle: 0, all: 0 };
  for (const { times } of cpus()) {
    sum.idle += times.idle;
    sum.all += times.idle + times.user + times.nice + times.sys + times.irq;
  }
  return sum;
}
