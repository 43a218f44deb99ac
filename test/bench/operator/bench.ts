/** The operator on this machine: what it takes to start, to sit idle, and to look after many clusters. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { loadKubeConnection } from '../../../src/kube/index.ts';
import { MCP_CLUSTERS } from '../../../src/api/index.ts';
import { eventually } from '../../eventually.ts';
import { PASS, startFaultyApi, type Plan } from '../../operator/faulty-api.ts';
import { startFleet, type Fleet } from '../../operator/fleet.ts';
import { skip, startRealApi, type RealApi } from '../../operator/real-api.ts';
import { range, reached, table, type Row } from '../table.ts';
import { summarize } from '../measure.ts';
import { quantile, total } from './exposition.ts';
import { prepareSite } from './site.ts';

/** A process is idle when it has done nothing for so long. */
const IDLE_MS = 10_000;

export interface OperatorBenchOptions {
  readonly repetitions: number;
  readonly clusters: number;
}

/** Needs a real API server (`KUBEBUILDER_ASSETS`); prints the table, returns the values by name. */
export async function benchOperator(
  print: (line: string) => void,
  options: OperatorBenchOptions,
): Promise<Record<string, number>> {
  if (skip !== false) {
    print(`operator is skipped: ${skip}`);
    return {};
  }
  const api = await startRealApi(true);
  const rows: Row[] = [];
  try {
    rows.push(...(await starting(api, options.repetitions)));
    for (const row of rows) print(`  ${row.what}: ${row.ours}`);
    rows.push(...(await many(api, options.clusters, print)));
  } finally {
    await api.stop();
  }
  for (const line of table(rows, 'peer')) print(line);
  print(`${rows.filter(reached).length} of ${rows.length} goals reached`);
  return Object.fromEntries(rows.map(({ name, value }) => [`operator/${name}`, value]));
}

/** The bundle as a process, started as the image and the chart do: until its first watch, and its memory when it has nothing to do. */
async function starting(api: RealApi, repetitions: number): Promise<Row[]> {
  const upstream = await loadKubeConnection({ kubeconfig: api.plane.kubeconfig });
  const site = await prepareSite();
  const firstWatch: number[] = [];
  const memory: number[] = [];
  try {
    for (let repetition = 0; repetition < repetitions; repetition += 1) {
      const watched = Promise.withResolvers<number>();
      const plan: Plan = ({ isWatch }) => {
        if (isWatch) watched.resolve(performance.now());
        return PASS;
      };
      const faulty = await startFaultyApi(upstream, plan, site.tls);
      const startedAt = performance.now();
      const child = site.start(faulty.connection.server);
      const ended = once(child, 'exit');
      const said = text(child.stderr);
      void ended.then(async ([code]) => {
        watched.reject(new Error(`the operator ended with ${String(code)}: ${await said}`));
      });
      firstWatch.push((await watched.promise) - startedAt);
      await pause(IDLE_MS);
      memory.push(await residentMiB(child.pid as number));
      child.kill('SIGTERM');
      await ended;
      await faulty.stop();
    }
  } finally {
    await upstream.close();
    await site.remove();
  }
  const [start, resident] = [summarize(firstWatch), summarize(memory)];
  return [
    {
      name: 'first-watch',
      what: 'from start to the first watch, as the image starts it',
      ours: range(start, 'ms'),
      peer: '',
      value: start.median,
      goal: { atMost: 250 },
    },
    {
      name: 'idle-memory',
      what: 'resident memory with nothing to do',
      ours: range(resident, 'MiB'),
      peer: '',
      value: resident.median,
      goal: { atMost: 85 },
    },
  ];
}

/** Many clusters of three pods each, with a kubelet and sidecars that are played. */
async function many(api: RealApi, count: number, print: (line: string) => void): Promise<Row[]> {
  const heapBefore = usedHeapKiB();
  const fleet = await startFleet(api, count);
  try {
    await settled(fleet);
    const heap = (usedHeapKiB() - heapBefore) / count;
    const made = await fleet.metrics.exposition();
    const requests = total(made, 'rest_client_requests_total');
    const bytes =
      total(made, 'rest_client_request_size_bytes_sum') +
      total(made, 'rest_client_response_size_bytes_sum');
    const reconciles = total(made, 'controller_runtime_reconcile_total');
    const p99 = quantile(made, 'controller_runtime_reconcile_time_seconds', 0.99);
    print(
      `  ${reconciles} reconciles, 99 of 100 within ${p99} s; for each ${(requests / reconciles).toFixed(1)} requests ` +
        `and ${Math.round(bytes / reconciles)} bytes, both ways`,
    );
    print(
      `  ${Math.round(heap)} KiB of heap for each cluster, with the kubelet and the sidecars that are played`,
    );
    const rest = await fleet.observe(30_000);
    const apart = await changeOne(fleet, api);
    const before = fleet.faulty.writes.length;
    await fleet.restart();
    await settled(fleet);
    const line = (
      name: string,
      what: string,
      value: number,
      unit: string,
      atMost: number,
    ): Row => ({
      name,
      what,
      ours: `${Number(value.toPrecision(3)).toLocaleString('en')} ${unit}`,
      peer: '',
      value,
      goal: { atMost },
    });
    return [
      line(
        'made',
        `${count} clusters, from the first apply to all Available`,
        fleet.madeMs / 1000,
        's',
        count,
      ),
      line('rest-requests', 'requests a second at rest', rest.requests / 30, '/s', 1),
      line('rest-writes', 'writes in 30 s at rest', rest.writes.length, '', 0),
      line('others', 'writes to other clusters when one is changed', apart, '', 0),
      line('restart-writes', 'writes after a restart', fleet.faulty.writes.length - before, '', 0),
    ];
  } finally {
    await fleet.stop();
  }
}

/** Of this process, in which the operator runs beside what is played. */
function usedHeapKiB(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed / 1024;
}

async function settled(fleet: Fleet): Promise<void> {
  const isQuiet = async (): Promise<boolean> => (await fleet.observe(2_000)).writes.length === 0;
  await eventually('no write for two seconds', isQuiet, 60_000);
}

/** Changes one cluster; how many objects of others were written. */
async function changeOne(fleet: Fleet, api: RealApi): Promise<number> {
  const before = fleet.faulty.writes.length;
  const ref = { namespace: fleet.namespace, name: 'c1' };
  const body = { spec: { server: { env: [{ name: 'A', value: 'b' }] } } };
  await api.client.patch(MCP_CLUSTERS, ref, { type: 'merge', body });
  await eventually('the change to be written', () => fleet.faulty.writes.length > before);
  await settled(fleet);
  return fleet.faulty.writes.slice(before).filter((line) => !/\/c1[-/?]|\/events/.test(line))
    .length;
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}
