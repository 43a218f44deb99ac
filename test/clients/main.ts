/**
 * The official clients at work over three pods, one of which is killed every ten seconds. Exit code 1 if a session is lost,
 * or a call that need not be.
 *   npm run soak -- --client ts1,ts2,ts2-modern,python --sessions 200 --seconds 60 [--think MS] [--seed N] [--json] [--keep-logs]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { createLifecycle, onTerminationSignal, type Lifecycle } from '../../src/host/index.ts';
import { integerBetween, seededRandom } from '../../src/std/index.ts';
import { startSprayProxy } from '../fixtures/spray-proxy.ts';
import { judgeEffects, judgeLost, summarizeKinds, type Kill } from './judge.ts';
import type { ClientLog } from './kinds.ts';
import { watchMachine } from './machine.ts';
import { startPods, type Pods } from './pods.ts';
import { preparePython } from './python.ts';
import { isGood, report, type SoakResult } from './report.ts';

interface Options {
  readonly client: readonly string[];
  readonly sessions: number;
  readonly seconds: number;
  readonly think: number;
  readonly seed: number;
  readonly json?: boolean;
  readonly keepLogs?: boolean;
}

const CLIENTS = ['ts1', 'ts2', 'ts2-modern', 'python', 'python-modern'];
const PODS = 3;
const KILL_EVERY_MS = 10_000;
/** After the start of the work. */
const FIRST_KILL_MS = 5_000;
/** As long as it takes until a container runs again. */
const RESTART_AFTER_MS = 1_500;
/** No kill so close to the end that its effects would not be seen. */
const QUIET_END_MS = 3_000;

function parseOptions(): Options {
  return new Command('soak')
    .option('--client <names>', CLIENTS.join(), parseClients, CLIENTS)
    .option('--sessions <count>', 'open at the same time, of each client', Number, 200)
    .option('--seconds <count>', 'of work, for each client', Number, 60)
    .option('--think <ms>', 'mean pause of a session between two calls', Number, 3_000)
    .option('--seed <number>', 'of pods, calls and kills', Number, 1)
    .option('--json', 'print one JSON object on the last line')
    .option('--keep-logs', 'leave the folder with the logs of all processes behind')
    .parse()
    .opts<Options>();
}

function parseClients(text: string): string[] {
  const clients = text.split(',');
  if (clients.some((client) => !CLIENTS.includes(client))) {
    throw new InvalidArgumentError(`some of ${CLIENTS.join()}`);
  }
  return clients;
}

/** Kills a pod every ten seconds until `seconds` are over; resolves with the times of each death. */
async function killPods(pods: Pods, { seconds, seed }: Options): Promise<Kill[]> {
  const random = seededRandom(seed);
  const began = Date.now();
  const kills: Kill[] = [];
  for (let at = FIRST_KILL_MS; at < seconds * 1_000 - QUIET_END_MS; at += KILL_EVERY_MS) {
    await pause(Math.max(0, began + at - Date.now()));
    // Two dead pods of three would be no quorum: that is not what is shown here.
    await pods.allReady();
    const victim = integerBetween(random, 0, PODS - 1);
    const killedAt = Date.now();
    await pods.kill(victim);
    kills.push({ at: killedAt, goneAt: Date.now() });
    await pause(RESTART_AFTER_MS);
    pods.start(victim);
  }
  return kills;
}

/** Sessions that live in the cluster: their clients say so, or any pod answers to their id. In an era without, all. */
async function countSessions(url: string, { ids, alive }: ClientLog): Promise<number> {
  const asked = ids.map(async (id, number) => {
    if (id === null || alive.includes(number)) return true;
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-session-id': id,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 'last', method: 'tools/list' }),
    });
    return response.ok && (await response.text()).includes('"result"');
  });
  return (await Promise.all(asked)).filter((lives) => lives).length;
}

async function soak(
  client: string,
  options: Options,
  lifecycle: Lifecycle,
  python?: string,
): Promise<SoakResult> {
  const pods = await startPods(PODS);
  const keepLogs = options.keepLogs === true;
  lifecycle.add('pods', () => pods.stop({ keepLogs }));
  const random = seededRandom(options.seed);
  const proxy = await startSprayProxy({ targets: () => pods.ready(), random });
  try {
    await pods.allReady();
    const url = `http://localhost:${proxy.port}/mcp`;
    const out = join(pods.folder, 'clients.json');
    const program = join(import.meta.dirname, python === undefined ? 'worker.ts' : 'soak.py');
    const { sessions, seconds, think, seed } = options;
    const worker = spawn(
      python ?? process.execPath,
      [program, client, url, ...[sessions, seconds, think, seed].map(String), out],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    // Clients print stack traces for broken connections: they are kept with the other logs.
    worker.stderr.pipe(createWriteStream(join(pods.folder, 'clients.log')));
    const exited = once(worker, 'exit');
    const ended = exited.then(([code]) =>
      Promise.reject(new Error(`${client}: exit code ${code}`)),
    );
    ended.catch(() => undefined);
    await Promise.race([once(worker.stdout, 'data'), ended]);
    const tellMachine = watchMachine();
    const kills = await killPods(pods, options);
    const [code] = (await exited) as [number | null];
    if (code !== 0) throw new Error(`${client}: the clients ended with code ${code}`);
    const machine = tellMachine();
    const log = JSON.parse(await readFile(out, 'utf8')) as ClientLog;
    return {
      client,
      wanted: sessions,
      opened: log.opened,
      clients: log.alive.length,
      sessions: await countSessions(url, log),
      ended: log.ids.filter((id) => id !== null && proxy.ended.has(id)).length,
      kills: kills.length,
      thinkMs: think,
      machine,
      loopDelay: log.loopDelay,
      kinds: summarizeKinds(log.calls),
      lost: judgeLost(log, kills, proxy),
      effects: judgeEffects(await pods.effects(), log.recorded),
      errors: log.errors,
    };
  } finally {
    proxy.close();
    await lifecycle.stop();
    if (keepLogs) console.error(`logs of ${client}: ${pods.folder}`);
  }
}

async function main(): Promise<number> {
  const options = parseOptions();
  const results: SoakResult[] = [];
  let lifecycle = createLifecycle();
  onTerminationSignal(() => void lifecycle.stop().then(() => process.exit(130)));
  for (const client of options.client) {
    const python = client.startsWith('python') ? await preparePython() : undefined;
    if (client.startsWith('python') && typeof python !== 'string') {
      console.error(`${client}: skipped, ${python?.reason ?? ''}`);
      continue;
    }
    lifecycle = createLifecycle();
    const result = await soak(client, options, lifecycle, python as string | undefined);
    console.error(report(result));
    results.push(result);
  }
  if (options.json === true) console.log(JSON.stringify({ seed: options.seed, results }));
  return results.every(isGood) ? 0 : 1;
}

process.exit(await main());
