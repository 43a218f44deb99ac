/**
 * The public MCP conformance suite, on the fixture server directly and through a cluster of it: equal, check by check, or
 * exit code 1.   npm run conformance -- --replicas 1 --requirements 2025-11-25 [--json]
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { createProgress, type Progress } from '../../src/cli/progress.ts';
import { applyAndAwait, endpointUrl, startLaptop } from '../../src/cli/laptop.ts';
import {
  createLifecycle,
  onTerminationSignal,
  systemClock,
  type Lifecycle,
} from '../../src/host/index.ts';
import { freePort } from '../free-ports.ts';
import { compareVerdicts, countVerdicts, runSuite } from './suite.ts';

interface Options {
  readonly replicas: number;
  readonly requirements: string;
  readonly json?: boolean;
  readonly backend: 'embedded' | 'kubebuilder';
}

const FIXTURE_REPOSITORY = 'ghcr.io/mcp-cluster/fixture-server';
const FIXTURE_PROGRAM = join(import.meta.dirname, '..', 'fixtures', 'mcp-server', 'main.ts');
const FIXTURE_PORT = 3001;

function parseOptions(): Options {
  return new Command('conformance')
    .option('--replicas <count>', 'pods of the cluster', parseReplicas, 1)
    .addOption(
      new Option('--requirements <revision>', 'requirement set')
        .choices(['2025-11-25'])
        .default('2025-11-25'),
    )
    .addOption(
      new Option('--backend <kind>', 'API server')
        .choices(['embedded', 'kubebuilder'])
        .default('embedded'),
    )
    .option('--json', 'print one JSON object on the last line')
    .parse()
    .opts<Options>();
}

function parseReplicas(text: string): number {
  const replicas = Number(text);
  if (!Number.isInteger(replicas) || replicas < 1 || replicas > 7) {
    throw new InvalidArgumentError('a number from 1 to 7');
  }
  return replicas;
}

/** The fixture server as a process on this machine, without any cluster. */
async function startDirect(lifecycle: Lifecycle): Promise<string> {
  const port = await freePort();
  const child: ChildProcess = spawn(process.execPath, [FIXTURE_PROGRAM], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  lifecycle.add('direct server', async () => {
    child.kill('SIGKILL');
    await exited;
  });
  await Promise.race([
    once(child.stderr as NodeJS.ReadableStream, 'data'),
    exited.then(([code]) =>
      Promise.reject(new Error(`the fixture server ended with code ${code}`)),
    ),
  ]);
  return `http://localhost:${port}/mcp`;
}

/** The same server as pods of an McpCluster; the URL is that of its Service. */
async function startThroughCluster(
  options: Options,
  progress: Progress,
  lifecycle: Lifecycle,
): Promise<string> {
  const laptop = await startLaptop({
    backend: options.backend,
    extraImages: [{ image: FIXTURE_REPOSITORY, cmd: ['${node}', FIXTURE_PROGRAM] }],
    progress,
    lifecycle,
  });
  const resource = await applyAndAwait(laptop, [fixtureCluster(options.replicas)], progress);
  const url = new URL(await endpointUrl(laptop, resource));
  const local = await forwardFromLocalhost(url.hostname, Number(url.port), lifecycle);
  return `http://localhost:${local}${url.pathname}`;
}

function fixtureCluster(replicas: number): Parameters<typeof applyAndAwait>[1][number] {
  return {
    apiVersion: 'mcpcluster.io/v1alpha1',
    kind: 'McpCluster',
    metadata: { name: 'fixture' },
    spec: {
      replicas,
      server: { image: `${FIXTURE_REPOSITORY}:1.0.0`, port: FIXTURE_PORT, path: '/mcp' },
    },
  };
}

/** Like `kubectl port-forward`: the suite's check of Host headers takes only localhost for local. */
async function forwardFromLocalhost(
  host: string,
  port: number,
  lifecycle: Lifecycle,
): Promise<number> {
  const server = createServer((client) => {
    const upstream = connect({ host, port });
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  }).listen(0, 'localhost');
  await once(server, 'listening');
  lifecycle.add('port forward', () => void server.close());
  return (server.address() as { port: number }).port;
}

async function main(): Promise<number> {
  const options = parseOptions();
  const lifecycle = createLifecycle();
  const progress = createProgress(systemClock, process.stderr);
  onTerminationSignal(() => void lifecycle.stop().then(() => process.exit(130)));
  try {
    const directUrl = await startDirect(lifecycle);
    const direct = await progress.wait('suite on the server itself', () =>
      runSuite(directUrl, options.requirements),
    );
    const clusterUrl = await startThroughCluster(options, progress, lifecycle);
    const cluster = await progress.wait(`suite through ${options.replicas} pod(s)`, () =>
      runSuite(clusterUrl, options.requirements),
    );
    const differences = compareVerdicts(direct, cluster);
    for (const { check, direct: expected, cluster: actual } of differences) {
      progress.say(`  ${check}: direct ${expected}, through the cluster ${actual}`);
    }
    const result = {
      requirements: options.requirements,
      replicas: options.replicas,
      checks: direct.size,
      direct: countVerdicts(direct),
      cluster: countVerdicts(cluster),
      differences,
    };
    progress.say(
      differences.length === 0
        ? `✓ ${direct.size} checks, all equal: ${JSON.stringify(result.direct)}`
        : `✗ ${differences.length} of ${direct.size} checks differ`,
    );
    await lifecycle.stop();
    if (options.json === true) console.log(JSON.stringify(result));
    return differences.length === 0 ? 0 : 1;
  } finally {
    await lifecycle.stop();
  }
}

process.exit(await main());
