/** The authority of the webhook and its certificate change while a real API server asks without a pause. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import { systemClock } from '../../src/host/index.ts';
import type { KubeClient, KubeResource } from '../../src/kube/index.ts';
import { admissionRoute, ADMISSION_PATH } from '../../src/operator/admission/route.ts';
import { createWebhookTrust } from '../../src/operator/admission/trust.ts';
import { createServing, type Serving } from '../../src/operator/serving/serving.ts';
import type { Clock } from '../../src/std/index.ts';
import { createMetrics, silentLogger as logger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../free-ports.ts';
import { userCluster, type RealApi } from './real-api.ts';
import { bundleOf, register } from './webhook-world.ts';

const NAMESPACE = 'rotating';
const DAY_MS = 86_400_000;
const STREAMS = 4;

/** The wall is some days away from the machine's, and everything waits for a hundredth of its time. */
function shiftedClock(days: number): Clock & { shift: number } {
  return {
    shift: days * DAY_MS,
    wall() {
      return systemClock.wall() + this.shift;
    },
    monotonic: () => systemClock.monotonic() * 100,
    schedule: (delayMs, callback) => systemClock.schedule(delayMs / 100, callback),
  };
}

/** The whole rotation; `t` ends what it begins. */
export async function rotateUnderLoad(api: RealApi, t: TestContext): Promise<void> {
  await api.namespace(NAMESPACE);
  const { client } = api;
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const name = await register(client, 'rotating', { url, namespaces: [NAMESPACE] });
  // An authority of ten years that has less than half a year left, two days ago.
  await begun(client, { port, url, clock: shiftedClock(-3_475) });
  const clock = shiftedClock(-1.5);
  const serving = serve(client, { port, url, clock });
  const trusted = (): string | undefined => serving.endpoint()?.trusted;
  const trust = createWebhookTrust({
    client,
    clock,
    logger,
    name,
    trusted,
    isLeading: () => true,
  });
  t.after(async () => {
    trust.stop();
    await serving.stop();
  });
  await serving.start();
  trust.start();
  const ask = (): Promise<KubeResource> =>
    client.create(MCP_CLUSTERS, userCluster(NAMESPACE, 'tools'), { dryRun: true });
  await eventually('the webhook to be trusted', ask);

  const stream = openStream(ask);
  const probe = openStream(async () =>
    assert.ok(await isTrusted(port, await bundleOf(client, name))),
  );
  const authorities = async (): Promise<number> =>
    (await bundleOf(client, name)).split('BEGIN CERTIFICATE').length - 1;
  assert.equal(await authorities(), 2, 'the next one is trusted before it signs');
  const first = await shown(port);
  clock.shift = -0.4 * DAY_MS;
  const second = await eventually('a certificate of the next authority', async () => {
    const now = await shown(port);
    return now.serialNumber === first.serialNumber ? undefined : now;
  });
  const newest = new X509Certificate(await bundleOf(client, name));
  assert.ok(second.verify(newest.publicKey));
  assert.ok(!first.verify(newest.publicKey));
  await stream.more();
  clock.shift = 0.6 * DAY_MS;
  await eventually('the old authority to be retired', async () => (await authorities()) === 1);
  await stream.more();
  assert.deepEqual([...(await stream.end()), ...(await probe.end())], []);
}

interface Served {
  readonly port: number;
  readonly url: string;
  readonly clock: Clock;
}

function serve(client: KubeClient, { port, url, clock }: Served): Serving {
  const metrics = createMetrics();
  const caches = { clusters: { list: () => [] } } as never;
  const route = admissionRoute({ client, caches, clock: systemClock, logger, metrics });
  return createServing({
    ...{ client, clock, logger, metrics, port, url },
    authority: 'rotating-serving-authority',
    namespace: NAMESPACE,
    isLeading: () => true,
    routes: { [ADMISSION_PATH]: route },
  });
}

/** Makes the authority, and no more. */
async function begun(client: KubeClient, served: Served): Promise<void> {
  const serving = serve(client, served);
  await serving.start();
  await serving.stop();
}

/** Asks again and again, several at a time, and writes down what fails. */
function openStream(ask: () => Promise<unknown>) {
  const failures: string[] = [];
  let done = 0;
  let isOver = false;
  const run = async (): Promise<void> => {
    while (!isOver) {
      try {
        await ask();
        done += 1;
      } catch (error) {
        failures.push(String(error));
      }
    }
  };
  const runs = Array.from({ length: STREAMS }, run);
  return {
    /** Waits for answers to requests that were made after now. */
    more() {
      const enough = done + 2 * STREAMS;
      return eventually('more answers', () => done >= enough);
    },
    async end(): Promise<readonly string[]> {
      isOver = true;
      await Promise.all(runs);
      return failures;
    },
  };
}

async function handshake(port: number, options: { ca?: string; rejectUnauthorized: boolean }) {
  const socket = connect({ host: '127.0.0.1', port, ...options });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerX509Certificate() as X509Certificate;
  } finally {
    socket.destroy();
  }
}

const shown = (port: number): Promise<X509Certificate> =>
  handshake(port, { rejectUnauthorized: false });

/** As a new API server would see it. */
async function isTrusted(port: number, ca: string): Promise<boolean> {
  await handshake(port, { ca, rejectUnauthorized: true });
  return true;
}
