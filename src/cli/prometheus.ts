/** Prometheus beside a laptop cluster: the program of this machine, on a loopback port, ended with the cluster. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { MANAGED_BY_LABEL, MANAGER } from '../api/index.ts';
import { twinOf, type DevCluster } from '../devcluster/index.ts';
import {
  findProgram,
  freePorts,
  replaceFile,
  systemClock,
  systemRandom,
  UsageError,
  type Lifecycle,
} from '../host/index.ts';
import { createInformer, RESOURCES, type KubeClient } from '../kube/index.ts';
import { createMetrics, silentLogger } from '../telemetry/index.ts';
import { stopChild } from './operator-process.ts';
import { poll } from './poll.ts';
import { memberTargets, prometheusConfig } from './prometheus-config.ts';

/** Reading rules and an empty database takes well below a second. */
const START_MS = 30_000;

export interface PrometheusOptions {
  /** Path of the program, as {@link requirePrometheus} found it. */
  readonly program: string;
  readonly client: KubeClient;
  readonly cluster: Pick<DevCluster, 'guard'>;
  /** `host:port` of the operator's metrics. */
  readonly operator: string;
  /** Path of the rules. */
  readonly rulesFile: string;
  /** For its configuration, data and log. */
  readonly folder: string;
  /** Between two scrapes; default 5 s. */
  readonly intervalMs?: number;
  readonly lifecycle: Lifecycle;
}

/** Path of prometheus in `$PATH`; rejects with a {@link UsageError} that says how to install it. */
export function requirePrometheus(): string {
  const found = findProgram('prometheus');
  if (found !== undefined) return found;
  throw new UsageError(
    'there is no prometheus in PATH: apt-get install prometheus (Debian, Ubuntu) or brew install prometheus, then again',
  );
}

/** Starts it; resolves with its URL when it answers. It follows the pods of every McpCluster as they come and go. */
export async function startPrometheus(options: PrometheusOptions): Promise<string> {
  const { folder, lifecycle, program } = options;
  const home = join(folder, 'prometheus');
  await mkdir(home, { recursive: true });
  const membersFile = join(home, 'members.json');
  await followMembers(options, membersFile);
  const config = prometheusConfig({
    operator: options.operator,
    membersFile,
    rulesFile: options.rulesFile,
    intervalMs: options.intervalMs ?? 5_000,
  });
  const configFile = join(home, 'prometheus.yaml');
  await writeFile(configFile, dump(config));
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const log = createWriteStream(join(home, 'prometheus.log'));
  const child = spawn(
    program,
    [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(home, 'data')}`,
      `--web.listen-address=${address}`,
    ],
    { detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const exited = once(child, 'exit');
  const ended = exited.then(() => {
    throw new UsageError(`prometheus ended; its log: ${join(home, 'prometheus.log')}`);
  });
  ended.catch(() => undefined);
  lifecycle.add('prometheus', async () => {
    await stopChild(child, exited);
    log.end();
  });
  await options.cluster.guard(child.pid as number);
  const url = `http://${address}`;
  const limit = { ms: START_MS, message: `prometheus does not answer at ${url}; its log: ${home}` };
  await Promise.race([ended, poll(systemClock, () => answers(`${url}/-/ready`), limit)]);
  return url;
}

/** Keeps `file` up to date, from before it resolves until `lifecycle` ends. */
async function followMembers(options: PrometheusOptions, file: string): Promise<void> {
  const informer = createInformer({
    client: options.client,
    resource: RESOURCES.pods,
    labelSelector: `${MANAGED_BY_LABEL}=${MANAGER}`,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics(),
  });
  let writing = Promise.resolve();
  const write = (): Promise<void> =>
    (writing = writing.then(() =>
      replaceFile(file, JSON.stringify(memberTargets(informer.list(), twinOf))),
    ));
  informer.start();
  options.lifecycle.add('pods for prometheus', async () => {
    await informer.stop();
    await writing;
  });
  await informer.waitForSync();
  informer.onChange(() => void write());
  await write();
}

async function answers(url: string): Promise<true | undefined> {
  return fetch(url).then(
    ({ ok }) => ok || undefined,
    () => undefined,
  );
}
