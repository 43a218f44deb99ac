/** One run: members, clients and faults for a while, then peace, in which everything must work again; then the judges. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { mkdir, rm } from 'node:fs/promises';
import { seededRandom } from '../../src/std/index.ts';
import { eventually } from '../eventually.ts';
import { checkLinearizable } from './checker.ts';
import { startWorkload } from './clients.ts';
import { ProcessCluster } from './cluster.ts';
import { FAULT_NAMES, runFaults, type FaultName } from './faults.ts';
import { operationsOf, writeHistory, type HistoryRecord } from './history.ts';
import { storeModel, type StoreOperation } from './models.ts';

export interface RunOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Histories, logs and data go there. */
  readonly directory: string;
  readonly faults?: readonly FaultName[];
  readonly reads?: 'quorum' | 'lease';
  readonly staleReads?: boolean;
  readonly report?: (line: string) => void;
}

export interface RunResult {
  readonly historyPath: string;
  readonly calls: number;
  readonly counts: Readonly<Record<HistoryRecord['result'], number>>;
  readonly verdict: ReturnType<typeof checkLinearizable<StoreOperation>>;
}

const CLIENTS = 10;
const KEYS = 5;
const CALLS_AFTER_PEACE = 100;

export async function runOnce(options: RunOptions): Promise<RunResult> {
  const { seconds, seed, directory, report = () => undefined } = options;
  const random = seededRandom(seed);
  const membersDirectory = join(directory, `members-${seed}`);
  await rm(membersDirectory, { recursive: true, force: true });
  await mkdir(membersDirectory, { recursive: true });
  const cluster = await ProcessCluster.start({
    directory: membersDirectory,
    reads: options.reads ?? 'quorum',
    staleReads: options.staleReads ?? false,
  });
  try {
    const workload = startWorkload({
      clients: CLIENTS,
      keys: KEYS,
      controlPorts: cluster.ids.map((id) => cluster.controlPort(id)),
      random,
    });
    const faultsOver = new AbortController();
    const begun = performance.now();
    const faults = runFaults(
      cluster,
      {
        random: seededRandom(seed ^ 0x5eed),
        names: options.faults ?? FAULT_NAMES,
        lastsMs: { min: 500, max: 2_500 },
        quietMs: { min: 300, max: 1_200 },
        report: (line) => report(`${((performance.now() - begun) / 1000).toFixed(1)} s ${line}`),
      },
      faultsOver.signal,
    );
    try {
      await Promise.race([pause(seconds * 1_000), faults]);
      faultsOver.abort();
      await faults;
      await progress(cluster, workload.history);
    } finally {
      faultsOver.abort();
      await workload.stop();
    }
    return judge(join(directory, `history-${seed}.jsonl`), workload.history);
  } finally {
    await cluster.stop();
  }
}

/** After the last fault the group must lead itself and answer again. */
async function progress(cluster: ProcessCluster, history: readonly HistoryRecord[]): Promise<void> {
  if (cluster.failures.length > 0) throw new Error(cluster.failures.join(', '));
  await cluster.leader(20_000);
  const before = history.length;
  await eventually(
    'answers after the faults',
    () => history.slice(before).filter(({ result }) => result === 'ok').length >= CALLS_AFTER_PEACE,
    20_000,
  );
}

function judge(historyPath: string, history: readonly HistoryRecord[]): RunResult {
  writeHistory(historyPath, history);
  const count = (wanted: HistoryRecord['result']): number =>
    history.filter(({ result }) => result === wanted).length;
  return {
    historyPath,
    calls: history.length,
    counts: { ok: count('ok'), fail: count('fail'), unknown: count('unknown') },
    verdict: checkLinearizable(storeModel, operationsOf(history)),
  };
}
