/** What a tool that hangs for a hundred callers does to the time of the other calls, with a bulkhead and without. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  openPool,
  startPoolServer,
  type PoolClient,
  type PoolServer,
} from '../gateway/pool-world.ts';
import { show, summarize } from './measure.ts';

const GATEWAY = fileURLToPath(new URL('bulkhead-gateway.ts', import.meta.url));
const HANGING = 100;
const CONNECTIONS = 4;
/** Short turns, many of them: a busy moment of the machine shall hit both. */
const RUN_MS = 700;
const WARM_UP_MS = 1_500;
const PAIRS = 20;
/** Without a bulkhead nobody would answer: after this nobody waits any more. */
const STARVED_MS = 2_000;

interface Front {
  readonly child: ChildProcess;
  readonly client: PoolClient;
}

async function startFront(server: PoolServer, bulkhead: 'yes' | 'no'): Promise<Front> {
  const env = { ...process.env, BACKEND_PORT: String(server.port), BULKHEAD: bulkhead };
  const child = spawn(process.execPath, [GATEWAY], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  return { child, client: await openPool(new URL(line.toString().trim())) };
}

/** Times of calls, in ms, over a few connections, each with one call at a time. */
async function timesOf({ call }: PoolClient, durationMs: number): Promise<number[]> {
  const end = performance.now() + durationMs;
  const times: number[] = [];
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      const begun = performance.now();
      const { status } = await call('echo');
      if (status !== 200) throw new Error(`echo was answered ${status}`);
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return times;
}

const p99 = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1] ?? Number.NaN;

/** Calls answered while the tool hangs and no bulkhead stands in between. */
async function starved({ client }: Front): Promise<number> {
  void client.hang(HANGING, HANGING).catch(() => undefined);
  let answered = 0;
  const end = performance.now() + STARVED_MS;
  const late = new Promise<void>((resolve) => setTimeout(resolve, STARVED_MS).unref());
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      await Promise.race([client.call('echo').then(() => (answered += 1)), late]);
    }
  };
  // Once the pool is full; what is answered before says nothing.
  await new Promise((resolve) => setTimeout(resolve, STARVED_MS / 2));
  answered = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return answered;
}

/** Measures and prints; the ratio is the p99 with the hanging callers over that without, in turns. */
export async function benchBulkhead(
  print: (line: string) => void,
): Promise<Record<string, number>> {
  const server = await startPoolServer();
  const fronts: Front[] = [];
  try {
    const front = await startFront(server, 'yes');
    fronts.push(front);
    const { client } = front;
    await timesOf(client, WARM_UP_MS);
    const alone: number[][] = [];
    const beside: number[][] = [];
    const measureAlone = async (): Promise<void> => void alone.push(await timesOf(client, RUN_MS));
    for (let pair = 0; pair < PAIRS; pair++) {
      // Each is the first as often as the second.
      if (pair % 2 === 0) await measureAlone();
      await client.hang(HANGING, 4);
      beside.push(await timesOf(client, RUN_MS));
      await client.release();
      if (pair % 2 === 1) await measureAlone();
    }
    const line = (name: string, turns: readonly number[][]): void =>
      print(
        `  ${name}: ${show(summarize(turns.map(p99)))}; ${p99(turns.flat()).toFixed(1)} of all`,
      );
    print(
      'p99 of a tool, ms: median of turns (min–max); client, gateway and server share the machine',
    );
    line('nobody hangs', alone);
    line(`${HANGING} callers hang in another tool`, beside);
    const ratio = p99(beside.flat()) / p99(alone.flat());
    print(`  ratio of all calls ${ratio.toFixed(2)}`);
    const open = await startFront(server, 'no');
    fronts.push(open);
    print(`  without a bulkhead: ${await starved(open)} calls answered in ${STARVED_MS / 2_000} s`);
    return { 'bulkhead/p99': ratio };
  } finally {
    for (const { child } of fronts) child.kill('SIGKILL');
    await server.kill();
  }
}
