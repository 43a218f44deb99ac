/** `dev`: the laptop cluster in the foreground, with the operator and a sample, until Ctrl-C. */
import { join } from 'node:path';
import {
  createLifecycle,
  freePorts,
  onTerminationSignal,
  systemClock,
  UsageError,
} from '../host/index.ts';
import { applyAndAwait, endpointUrl, readSample, startLaptop, type Laptop } from './laptop.ts';
import { createProgress } from './progress.ts';
import { requirePrometheus, startPrometheus } from './prometheus.ts';

export interface DevOptions {
  readonly data?: string;
  readonly port?: string;
  readonly backend: 'embedded' | 'kubebuilder';
  readonly prometheus?: boolean;
  readonly operator: boolean;
}

/** Runs until a signal or the operator's end. */
export async function devCommand(options: DevOptions): Promise<void> {
  const lifecycle = createLifecycle();
  const progress = createProgress(systemClock, process.stdout);
  let finish = (_code: number): void => undefined;
  const finished = new Promise<number>((resolve) => (finish = resolve));
  let stopping = false;
  onTerminationSignal((signal) => {
    stopping = true;
    progress.say(`\n${signal}: stopping everything …`);
    finish(0);
  });
  let code = 1;
  try {
    const starting = start(options, progress, lifecycle, finish, () => stopping);
    code = await Promise.race([finished, starting.then(() => finished)]);
  } finally {
    await lifecycle.stop();
  }
  process.exit(code);
}

async function start(
  options: DevOptions,
  progress: ReturnType<typeof createProgress>,
  lifecycle: ReturnType<typeof createLifecycle>,
  finish: (code: number) => void,
  isStopping: () => boolean,
): Promise<void> {
  if (options.prometheus === true && !options.operator) {
    throw new UsageError(
      '--prometheus scrapes the operator of this command: leave --no-operator out, or install a Prometheus in the cluster',
    );
  }
  const program = options.prometheus === true ? requirePrometheus() : undefined;
  const operatorAddress =
    program === undefined ? undefined : `127.0.0.1:${(await freePorts(1))[0]}`;
  const laptop = await startLaptop({
    backend: options.backend,
    operatorAddress,
    operator: options.operator,
    dataDir: options.data,
    port: portOption(options.port),
    progress,
    lifecycle,
  });
  if (!options.operator) {
    progress.say(emptyClusterText(laptop));
    return;
  }
  const resource = await applyAndAwait(
    laptop,
    await readSample(laptop, 'everything.yaml'),
    progress,
  );
  const url = await endpointUrl(laptop, resource);
  const { client, cluster, logFolder, root } = laptop;
  const prometheus =
    program !== undefined && operatorAddress !== undefined
      ? await progress.wait('Prometheus', () =>
          startPrometheus({
            program,
            client,
            cluster,
            operator: operatorAddress,
            rulesFile: join(root, 'deploy', 'prometheus', 'rules.yaml'),
            folder: logFolder,
            lifecycle,
          }),
        )
      : undefined;
  progress.say(`
  export KUBECONFIG=${cluster.kubeconfig}
  kubectl get mcpc                       the sample cluster
  MCP endpoint  ${url}
  logs          ${logFolder}${prometheus === undefined ? '' : `\n  Prometheus    ${prometheus}`}

Ctrl-C ends everything.`);
  void laptop.operatorEnded.then((why) => {
    if (!isStopping()) progress.say(why);
    finish(1);
  });
}

/** What to do next with a cluster that has no operator. */
const emptyClusterText = ({ cluster, logFolder }: Laptop): string => `
  export KUBECONFIG=${cluster.kubeconfig}
  helm install mcp-cluster-operator charts/mcp-cluster-operator -n mcp-cluster-system --create-namespace
  kubectl apply -f deploy/samples/everything.yaml
  logs          ${logFolder}

Ctrl-C ends everything.`;

function portOption(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new UsageError(`--port ${text}: expected a port from 1 to 65535`);
  }
  return port;
}
