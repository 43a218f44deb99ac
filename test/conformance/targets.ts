/** What the suite is pointed at: the fixture server itself, and the same server as pods of an McpCluster. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { applyAndAwait, endpointUrl, NAMESPACE, type Laptop } from '../../src/cli/laptop.ts';
import type { Progress } from '../../src/cli/progress.ts';
import { twinOf } from '../../src/devcluster/index.ts';
import type { Lifecycle } from '../../src/host/index.ts';
import { RESOURCES } from '../../src/kube/index.ts';
import { required, seededRandom } from '../../src/std/index.ts';
import { startSprayProxy } from '../fixtures/spray-proxy.ts';
import { freePort } from '../free-ports.ts';

const FIXTURE_REPOSITORY = 'ghcr.io/mcp-cluster/fixture-server';
const FIXTURE_PROGRAM = join(import.meta.dirname, '..', 'fixtures', 'mcp-server', 'main.ts');
const FIXTURE_PORT = 3001;

/** What the laptop cluster must know to run the fixture server as a container. */
export const FIXTURE_IMAGES = [{ image: FIXTURE_REPOSITORY, cmd: ['${node}', FIXTURE_PROGRAM] }];

/** The fixture server as a process of this machine, without any cluster. */
export async function startDirect(lifecycle: Lifecycle): Promise<string> {
  const port = await freePort();
  const child = spawn(process.execPath, [FIXTURE_PROGRAM], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  lifecycle.add('direct server', async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const ended = exited.then(([code]) =>
    Promise.reject(new Error(`the fixture server ended with code ${code}`)),
  );
  await Promise.race([once(child.stderr, 'data'), ended]);
  return `http://localhost:${port}/mcp`;
}

/** The McpCluster's URL: one pod through its Service, several with each request sprayed over the pods themselves. */
export async function startCluster(
  laptop: Laptop,
  { replicas, seed }: { readonly replicas: number; readonly seed: number },
  progress: Progress,
  lifecycle: Lifecycle,
): Promise<string> {
  const name = `fixture-${replicas}`;
  const resource = await applyAndAwait(laptop, [fixtureCluster(name, replicas)], progress);
  const url = new URL(await endpointUrl(laptop, resource));
  if (replicas === 1) {
    return `http://localhost:${await forwardFromLocalhost(url, lifecycle)}${url.pathname}`;
  }
  const targets = await Promise.all(
    Array.from({ length: replicas }, async (_, ordinal) => {
      const pod = await laptop.client.get(RESOURCES.pods, {
        namespace: NAMESPACE,
        name: `${name}-${ordinal}`,
      });
      const { podIP } = (pod?.['status'] ?? {}) as { podIP?: string };
      const host = twinOf(required(podIP, `pod ${ordinal} has no address`));
      return { host, port: resource.spec.gateway.port };
    }),
  );
  const proxy = await startSprayProxy({ targets: () => targets, random: seededRandom(seed) });
  lifecycle.add('spraying proxy', () => {
    const shares = [...proxy.given.values()].join(' + ');
    progress.say(`  requests given to the pods of ${name}: ${shares}`);
    proxy.close();
  });
  return `http://localhost:${proxy.port}${url.pathname}`;
}

function fixtureCluster(
  name: string,
  replicas: number,
): Parameters<typeof applyAndAwait>[1][number] {
  return {
    apiVersion: 'mcpcluster.io/v1alpha1',
    kind: 'McpCluster',
    metadata: { name },
    spec: {
      replicas,
      server: {
        image: `${FIXTURE_REPOSITORY}:1.0.0`,
        port: FIXTURE_PORT,
        path: '/mcp',
        // Replicas must share what seals a state that any of them may get back.
        env: [{ name: 'REQUEST_STATE_KEY', value: randomBytes(32).toString('hex') }],
      },
    },
  };
}

/** Like `kubectl port-forward`: the suite's check of Host headers takes only localhost for local. */
async function forwardFromLocalhost(url: URL, lifecycle: Lifecycle): Promise<number> {
  const server = createServer((client) => {
    const upstream = connect({ host: url.hostname, port: Number(url.port) });
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  }).listen(0, 'localhost');
  await once(server, 'listening');
  lifecycle.add('port forward', () => void server.close());
  return (server.address() as { port: number }).port;
}
