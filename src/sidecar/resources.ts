/**
 * How much of what this pod may use is in use: processor, memory, and how late the event loop is. In a container with limits
 * that is its control group's share of them; without limits, the machine's. The MCP server has a container of its own, so what
 * it uses counts beside that, as a share of the machine.
 */
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { readFileIfExists } from '../host/index.ts';
import type { Clock } from '../std/index.ts';
import type { Resources } from '../gateway/index.ts';

const SAMPLE_INTERVAL_MS = 1_000;
const LOOP_RESOLUTION_MS = 10;
const CGROUP = '/sys/fs/cgroup';

export interface ResourceMeter {
  /** Undefined until the first interval is over. */
  current(): Resources | undefined;
  stop(): void;
}

/** A running total of processor time and what that could have been, both in ms of one processor. */
interface CpuTotals {
  readonly busyMs: number;
  readonly possibleMs: number;
}

export interface ResourceMeterOptions {
  readonly clock: Clock;
  /** What the MCP server uses, if that can be seen. */
  readonly server?: () => ServerShare | undefined;
  /** Where the control group's files are. */
  readonly cgroup?: string;
}

interface ServerShare {
  readonly cpuCores: number;
  readonly memoryBytes: number;
}

/** Measures once a second. */
export function createResourceMeter(options: ResourceMeterOptions): ResourceMeter {
  const { clock, server, cgroup = CGROUP } = options;
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  loop.enable();
  let before: CpuTotals | undefined;
  let latest: Resources | undefined;
  let cancel = (): void => undefined;
  let stopped = false;

  const sample = async (): Promise<void> => {
    const totals = (await groupTotals(cgroup, clock.monotonic())) ?? machineTotals();
    const memory = (await groupMemory(cgroup)) ?? 1 - freemem() / totalmem();
    const loopDelayMs = Math.max(0, loop.percentile(99) / 1e6 - LOOP_RESOLUTION_MS);
    loop.reset();
    const { cpuCores = 0, memoryBytes = 0 } = server?.() ?? {};
    const cpuOfServer = Math.min(1, cpuCores / availableParallelism());
    if (before !== undefined)
      latest = {
        cpu: Math.max(busyShare(before, totals), cpuOfServer),
        memory: Math.max(memory, Math.min(1, memoryBytes / totalmem())),
        loopDelayMs,
      };
    before = totals;
  };
  const run = (): void => {
    void sample().finally(() => {
      if (!stopped) cancel = clock.schedule(SAMPLE_INTERVAL_MS, run);
    });
  };
  run();
  return {
    current: () => latest,
    stop() {
      stopped = true;
      cancel();
      loop.disable();
    },
  };
}

function busyShare(before: CpuTotals, after: CpuTotals): number {
  const possible = after.possibleMs - before.possibleMs;
  return possible <= 0 ? 0 : Math.min(1, Math.max(0, (after.busyMs - before.busyMs) / possible));
}

function machineTotals(): CpuTotals {
  let busyMs = 0;
  let idleMs = 0;
  for (const { times } of cpus()) {
    busyMs += times.user + times.nice + times.sys + times.irq;
    idleMs += times.idle;
  }
  return { busyMs, possibleMs: busyMs + idleMs };
}

/** `cpu.max` is "quota period" in µs, or "max …" without a limit. */
async function groupTotals(cgroup: string, nowMs: number): Promise<CpuTotals | undefined> {
  const [quota, period] = ((await readFileIfExists(`${cgroup}/cpu.max`)) ?? '')
    .split(' ')
    .map(Number);
  const usage = /^usage_usec (\d+)$/m.exec(
    (await readFileIfExists(`${cgroup}/cpu.stat`)) ?? '',
  )?.[1];
  if (!isPositive(quota) || !isPositive(period) || usage === undefined) return undefined;
  return { busyMs: Number(usage) / 1_000, possibleMs: (nowMs * quota) / period };
}

/** What cannot be given back, as the kubelet counts it: without files that are only cached. */
async function groupMemory(cgroup: string): Promise<number | undefined> {
  const max = Number((await readFileIfExists(`${cgroup}/memory.max`)) ?? Number.NaN);
  const used = Number((await readFileIfExists(`${cgroup}/memory.current`)) ?? Number.NaN);
  const stat = (await readFileIfExists(`${cgroup}/memory.stat`)) ?? '';
  if (!isPositive(max) || !isPositive(used)) return undefined;
  const cached = Number(/^inactive_file (\d+)$/m.exec(stat)?.[1] ?? 0);
  return Math.min(1, Math.max(0, (used - cached) / max));
}

const isPositive = (value: number | undefined): value is number =>
  value !== undefined && Number.isFinite(value) && value > 0;

/** Rounded, so that gossip has news only when something changed: shares to a twentieth, delays to 5 ms. */
export function encodeResources({ cpu, memory, loopDelayMs }: Resources): string {
  const twentieth = (share: number): number => Math.round(share * 20) / 20;
  return [twentieth(cpu), twentieth(memory), Math.round(loopDelayMs / 5) * 5].join();
}

/** Undefined for a text that no member of this version tells. */
export function decodeResources(text: string | undefined): Resources | undefined {
  const numbers = (text ?? '').split(',').map(Number);
  const [cpu, memory, loopDelayMs] = numbers;
  if (cpu === undefined || memory === undefined || loopDelayMs === undefined) return undefined;
  return numbers.every((value) => value >= 0) ? { cpu, memory, loopDelayMs } : undefined;
}
