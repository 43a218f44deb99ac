/** A client and an informer on a scripted server, with short waits. */
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import {
  createInformer,
  createKubeClient,
  createKubeConnection,
  RESOURCES,
  type Informer,
  type KubeClient,
  type KubeClientOptions,
} from '../../src/kube/index.ts';
import { createMetrics, silentLogger, type Metrics } from '../../src/telemetry/index.ts';
import { startScriptedServer, type ScriptedServer } from './scripted-server.ts';

export interface Setup {
  readonly server: ScriptedServer;
  readonly client: KubeClient;
  readonly informer: Informer;
  readonly metrics: Metrics;
  /** What a listener that was there from the beginning heard, as `added a@1`. */
  readonly heard: string[];
}

/** Runs `body` with everything started but the informer; stops everything afterwards. */
export async function withServer(
  body: (setup: Setup) => Promise<void>,
  options: Partial<KubeClientOptions> = {},
): Promise<void> {
  const server = await startScriptedServer();
  const metrics = createMetrics();
  const client = createKubeClient(createKubeConnection({ server: server.url }), {
    clock,
    random,
    metrics,
    ...options,
  });
  const informer = createInformer({
    client,
    resource: RESOURCES.configMaps,
    clock,
    random,
    metrics,
    logger: silentLogger,
    backoff: { initialMs: 5, maxMs: 40 },
  });
  const heard: string[] = [];
  informer.onChange((change) => {
    const { name, resourceVersion } = change.object.metadata;
    heard.push(`${change.type} ${name}@${resourceVersion}`);
  });
  try {
    await body({ server, client, informer, metrics, heard });
  } finally {
    await informer.stop();
    await client.close();
    await server.stop();
  }
}
