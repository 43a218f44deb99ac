/**
 * How much processor and memory the MCP server of this pod uses: what its container's control group (v2) says, or, where the
 * server has none of its own, what its processes use. A container's group is read through the server's process, in whose
 * view of the files it is mounted: no other container sees it.
 */
import { join } from 'node:path';
import type { Clock } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { listenerOf, processTree, readIfReadable, readStat } from './server-process.ts';

/** Measured so often while somebody wants to know. */
const SAMPLE_MS = 500;
/** A server that was not found is looked for again after this. */
const SEARCH_MS = 5_000;
/** An older sample says nothing about now. */
const STALE_MS = 5_000;
const TICKS_PER_SECOND = 100;

export interface ServerUsageOptions {
  /** The port on which the server listens. */
  readonly port: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where the kernel tells about processes. */
  readonly proc?: string;
}

interface Usage {
  readonly cpuCores: number;
  readonly memoryBytes: number;
}

/** Totals of one instant; `source` tells whether two can be compared. */
interface Reading {
  readonly source: string;
  readonly atMs: number;
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

export interface ServerUsageMeter {
  /** Undefined until two samples are taken, and while the server's processes are not to be seen. Asking keeps it measuring. */
  current(): Usage | undefined;
}

export function createServerUsage(options: ServerUsageOptions): ServerUsageMeter {
  const { clock, port, logger, proc = '/proc' } = options;
  let before: Reading | undefined;
  let latest: (Usage & { readonly atMs: number }) | undefined;
  let found: { readonly pid: number; readonly startedAt: number } | undefined;
  let nextSampleAt = -Infinity;
  let nextSearchAt = -Infinity;
  let visible = true;

  const find = async (): Promise<number | undefined> => {
    if (found !== undefined && (await readStat(found.pid, proc))?.startedAt === found.startedAt)
      return found.pid;
    found = undefined;
    if (clock.monotonic() < nextSearchAt) return undefined;
    nextSearchAt = clock.monotonic() + SEARCH_MS;
    const pid = await listenerOf(port, proc);
    const stat = pid === undefined ? undefined : await readStat(pid, proc);
    if (pid === undefined || stat === undefined) {
      if (visible)
        logger.warn('the MCP server uses what it likes: its process is not seen', { port });
      visible = false;
      return undefined;
    }
    visible = true;
    found = { pid, startedAt: stat.startedAt };
    return pid;
  };
  const sample = async (): Promise<void> => {
    const pid = await find();
    const reading = pid === undefined ? undefined : await read(pid, proc, clock.monotonic());
    if (reading !== undefined && reading.source === before?.source && reading.atMs > before.atMs) {
      // Processes that ended take their time with them.
      const cpuMs = Math.max(0, reading.cpuMs - before.cpuMs);
      const cpuCores = cpuMs / (reading.atMs - before.atMs);
      latest = { cpuCores, memoryBytes: reading.memoryBytes, atMs: reading.atMs };
    }
    before = reading;
  };

  return {
    current() {
      const now = clock.monotonic();
      if (now >= nextSampleAt) {
        nextSampleAt = Infinity;
        void sample()
          .catch((error: unknown) => logger.debug('no usage of the server', { error }))
          .finally(() => {
            nextSampleAt = clock.monotonic() + SAMPLE_MS;
          });
      }
      if (latest === undefined || now - latest.atMs > STALE_MS) return undefined;
      return { cpuCores: latest.cpuCores, memoryBytes: latest.memoryBytes };
    },
  };
}

async function read(pid: number, proc: string, atMs: number): Promise<Reading | undefined> {
  const [own, theirs] = await Promise.all([groupOf('self', proc), groupOf(pid, proc)]);
  const contained = theirs !== undefined && own !== theirs;
  return (contained ? await readGroup(pid, proc, atMs) : undefined) ?? readTree(pid, proc, atMs);
}

/** The path of a process's group, as we see it. */
async function groupOf(pid: number | 'self', proc: string): Promise<string | undefined> {
  const text = await readIfReadable(join(proc, String(pid), 'cgroup'));
  return /^0::(.*)$/m.exec(text ?? '')?.[1];
}

async function readGroup(pid: number, proc: string, atMs: number): Promise<Reading | undefined> {
  const folder = join(proc, String(pid), 'root/sys/fs/cgroup');
  const [cpu, current, stat] = await Promise.all(
    ['cpu.stat', 'memory.current', 'memory.stat'].map((name) => readIfReadable(join(folder, name))),
  );
  const usedUs = /^usage_usec (\d+)$/m.exec(cpu ?? '')?.[1];
  // The machine's own group has no `memory.current`: then the server is in no container.
  if (usedUs === undefined || current === undefined) return undefined;
  // What the kernel can take back at once is not used, as the kubelet counts.
  const cached = Number(/^inactive_file (\d+)$/m.exec(stat ?? '')?.[1] ?? 0);
  const memoryBytes = Math.max(0, Number(current) - cached);
  return { source: `group of ${pid}`, atMs, cpuMs: Number(usedUs) / 1_000, memoryBytes };
}

async function readTree(pid: number, proc: string, atMs: number): Promise<Reading> {
  let [cpuMs, memoryBytes] = [0, 0];
  for (const each of await processTree(pid, proc)) {
    cpuMs += ((await readStat(each, proc))?.ticks ?? 0) * (1_000 / TICKS_PER_SECOND);
    const status = await readIfReadable(join(proc, String(each), 'status'));
    memoryBytes += Number(/^VmRSS:\s+(\d+) kB$/m.exec(status ?? '')?.[1] ?? 0) * 1_024;
  }
  return { source: `processes of ${pid}`, atMs, cpuMs, memoryBytes };
}
