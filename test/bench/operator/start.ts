/** The bundle as a process, started as the image and the chart do, beside programs that do nothing else: how soon it watches. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { loadKubeConnection, type KubeConnection } from '../../../src/kube/index.ts';
import { PASS, startFaultyApi, type Plan } from '../../operator/faulty-api.ts';
import type { RealApi } from '../../operator/real-api.ts';
import { interleave, summarize, type Sample } from '../measure.ts';
import { range, type Row } from '../table.ts';
import { prepareSite, type Site, type SiteProcess } from './site.ts';

/** A process is idle when it has done nothing for so long. */
const IDLE_MS = 10_000;
const IDLE_REPETITIONS = 3;
/** Types of objects that the operator watches, from the first list on. */
const WATCHES = 11;

export interface StartOptions {
  /** Starts of each program, in turn. */
  readonly repetitions: number;
}

/** From the start of the process to its first watch, and its memory when it has nothing to do. */
export async function benchStart(api: RealApi, { repetitions }: StartOptions): Promise<Row[]> {
  const upstream = await loadKubeConnection({ kubeconfig: api.plane.kubeconfig });
  const site = await prepareSite();
  try {
    const all: number[] = [];
    const times = await interleave(
      {
        node: bareNode,
        floor: async () => (await startOnce(upstream, site, 'floor')).firstMs,
        operator: async () => {
          const { firstMs, lastMs } = await startOnce(upstream, site, 'operator');
          all.push(lastMs);
          return firstMs;
        },
      },
      repetitions,
    );
    const memory: number[] = [];
    while (memory.length < IDLE_REPETITIONS)
      memory.push((await startOnce(upstream, site, 'operator', IDLE_MS)).residentMiB);
    return rows(times, { all: summarize(all), memory: summarize(memory) });
  } finally {
    await upstream.close();
    await site.remove();
  }
}

function rows(
  { node, floor, operator }: Readonly<Record<'node' | 'floor' | 'operator', Sample>>,
  { all, memory }: Readonly<Record<'all' | 'memory', Sample>>,
): Row[] {
  return [
    {
      name: 'first-watch',
      what: 'from start to the first watch, as the image starts it; peer: `node -e 0`, whole',
      ours: range(operator, 'ms'),
      peer: range(node, 'ms'),
      value: operator.median,
      goal: { atMost: 250 },
    },
    {
      name: 'first-watch-ratio',
      what: 'the same; peer: a Node program of a list and a watch',
      ours: range(operator, 'ms'),
      peer: range(floor, 'ms'),
      value: operator.median / floor.median,
      goal: { atMost: 2 },
    },
    {
      name: 'all-watches',
      what: `from start to the last of ${WATCHES} watches`,
      ours: range(all, 'ms'),
      peer: '',
      value: all.median,
      goal: { atMost: 500 },
    },
    {
      name: 'idle-memory',
      what: 'resident memory with nothing to do',
      ours: range(memory, 'MiB'),
      peer: '',
      value: memory.median,
      goal: { atMost: 85 },
    },
  ];
}

/** Start and end of a Node that is given nothing to do, in ms. */
async function bareNode(): Promise<number> {
  const startedAt = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
  return performance.now() - startedAt;
}

interface Start {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly residentMiB: number;
}

/** Starts `program` against an API server that has just been started, too, and ends it `idleMs` after its last watch began. */
async function startOnce(
  upstream: KubeConnection,
  site: Site,
  program: 'operator' | 'floor',
  idleMs = 0,
): Promise<Start> {
  const first = Promise.withResolvers<number>();
  const last = Promise.withResolvers<number>();
  let missing = program === 'operator' ? WATCHES : 1;
  const plan: Plan = ({ isWatch }) => {
    if (!isWatch) return PASS;
    missing -= 1;
    first.resolve(performance.now());
    if (missing === 0) last.resolve(performance.now());
    return PASS;
  };
  const faulty = await startFaultyApi(upstream, plan, site.tls);
  const startedAt = performance.now();
  const child = site[program](faulty.connection.server);
  const ended = whenEnded(child, (error) => [first, last].forEach(({ reject }) => reject(error)));
  const [firstAt, lastAt] = await Promise.all([first.promise, last.promise]);
  await pause(idleMs);
  const residentMiB = await residentOf(child.pid as number);
  child.kill('SIGTERM');
  await ended;
  await faulty.stop();
  return { firstMs: firstAt - startedAt, lastMs: lastAt - startedAt, residentMiB };
}

/** Resolves when the process has ended, and tells `tell` with what words. */
async function whenEnded(child: SiteProcess, tell: (error: Error) => void): Promise<void> {
  const said = text(child.stderr);
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  tell(new Error(`the process ended with ${code ?? signal}: ${await said}`));
}

async function residentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}
