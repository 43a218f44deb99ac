/** The operator on this machine: what it takes to start, to sit idle, and to look after many clusters. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MCP_CLUSTERS } from '../../../src/api/index.ts';
import { eventually } from '../../eventually.ts';
import { requestsASecond, startFleet, type Fleet } from '../../operator/fleet.ts';
import { skip, startRealApi, type RealApi } from '../../operator/real-api.ts';
import { reached, table, type Row } from '../table.ts';
import { quantile, total } from './exposition.ts';
import { benchStart } from './start.ts';

/** Long enough for each of 200 clusters to be looked at twice; the operator's clock is made to go faster meanwhile. */
const REST_SECONDS = 1_200;
const isWrite = (request: string): boolean => !request.startsWith('GET ');

/** What `--only` may name. */
export const OPERATOR_PARTS = ['start', 'many'] as const;

export interface OperatorBenchOptions {
  /** How often the operator is started. */
  readonly repetitions: number;
  readonly clusters: number;
}

/** Needs a real API server (`KUBEBUILDER_ASSETS`); prints the table, returns the values by name. */
export async function benchOperator(
  print: (line: string) => void,
  only: readonly string[] = OPERATOR_PARTS,
  options: OperatorBenchOptions,
): Promise<Record<string, number>> {
  if (skip !== false) {
    print(`operator is skipped: ${skip}`);
    return {};
  }
  const api = await startRealApi(true);
  const rows: Row[] = [];
  try {
    if (only.includes('start')) rows.push(...(await benchStart(api, options)));
    for (const row of rows) print(`  ${row.what}: ${row.ours}`);
    if (only.includes('many')) rows.push(...(await many(api, options.clusters, print)));
  } finally {
    await api.stop();
  }
  for (const line of table(rows, 'peer')) print(line);
  print(`${rows.filter(reached).length} of ${rows.length} goals reached`);
  return Object.fromEntries(rows.map(({ name, value }) => [`operator/${name}`, value]));
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
    const rest = await fleet.rest(REST_SECONDS);
    const looked = new Set(rest.map((line) => /\/secrets\/(c\d+)-/.exec(line)?.[1]));
    looked.delete(undefined);
    print(`  in ${REST_SECONDS} s at rest ${looked.size} of ${count} clusters were looked at`);
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
      line(
        'rest-requests',
        `requests a second in ${REST_SECONDS} s at rest`,
        requestsASecond(rest, REST_SECONDS),
        '/s',
        1,
      ),
      line('rest-writes', 'writes meanwhile', rest.filter(isWrite).length, '', 0),
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
