/** Keeps names and forwarders equal to what Services and EndpointSlices say, whoever writes those. */
import { rename, writeFile } from 'node:fs/promises';
import type { Informer } from '../../kube/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { EndpointSlice, Service } from '../core/index.ts';
import { twinOf } from './addresses.ts';
import { clusterNames } from './cluster-names.ts';
import { createServiceProxy, type Target } from './service-proxy.ts';

/** Of the Service of the API. */
const API_PORT = 443;

export interface ClusterNetworkOptions {
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  /** Path of the file that `pod-network.ts` reads. */
  readonly hostsFile: string;
  /** Behind the Service of the API. */
  readonly apiServer: Target;
  readonly logger: Logger;
}

export interface ClusterNetwork {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Where a program of this machine reaches a Service; undefined until its forwarder listens. */
  serviceAddress(
    namespace: string,
    name: string,
    port: number,
  ): { host: string; port: number } | undefined;
  /** Where pods reach the API server. */
  apiService(): { readonly host: string; readonly port: number };
}

export function createClusterNetwork(options: ClusterNetworkOptions): ClusterNetwork {
  const { services, slices, logger } = options;
  const proxy = createServiceProxy({ logger, apiServer: options.apiServer });
  const names = createNamesFile(options.hostsFile, (error) =>
    logger.warn('names of the cluster were not written', { error: String(error) }),
  );
  const cancels: (() => void)[] = [];
  let isScheduled = false;
  const update = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    // Objects come in bunches: one update for all that arrived in this turn of the event loop.
    setImmediate(() => {
      isScheduled = false;
      if (cancels.length === 0) return;
      proxy.update(services.list(), slices.list());
      names.write(JSON.stringify({ names: clusterNames(services.list(), slices.list()) }));
    });
  };
  return {
    async start() {
      cancels.push(services.onChange(update), slices.onChange(update));
      names.write(JSON.stringify({ names: {} }));
      update();
      await names.written();
    },
    async stop() {
      for (const cancel of cancels.splice(0)) cancel();
      await names.written();
      await proxy.stop();
    },
    serviceAddress(namespace, name, port) {
      const service = services.get(`${namespace}/${name}`);
      const listening = service === undefined ? undefined : proxy.port(service, port);
      if (service === undefined || listening === undefined) return undefined;
      return { host: twinOf(service.spec.clusterIP as string), port: listening };
    },
    apiService() {
      const service = services.get('default/kubernetes');
      const listening = service === undefined ? undefined : proxy.port(service, API_PORT);
      return { host: service?.spec.clusterIP ?? '', port: listening ?? API_PORT };
    },
  };
}

/** Replaces a file in one step; of several texts that wait only the last is written. */
function createNamesFile(
  path: string,
  onError: (error: unknown) => void,
): { write(text: string): void; written(): Promise<void> } {
  let waiting: string | undefined;
  let running: Promise<void> | undefined;
  const drain = async (): Promise<void> => {
    while (waiting !== undefined) {
      const text = waiting;
      waiting = undefined;
      // Not flushed to the disk: after a crash of the machine no program of the cluster is left to read it.
      await writeFile(`${path}.tmp`, text, { mode: 0o600 });
      await rename(`${path}.tmp`, path);
    }
  };
  return {
    write(text) {
      waiting = text;
      running ??= drain()
        .catch(onError)
        .finally(() => (running = undefined));
    },
    written: async () => running,
  };
}
