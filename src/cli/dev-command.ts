/** `dev`: the laptop cluster in the foreground, with the operator and a sample, until Ctrl-C. */
import { createLifecycle, onTerminationSignal, systemClock, UsageError } from '../host/index.ts';
import { applyAndAwait, endpointUrl, readSample, startLaptop } from './laptop.ts';
import { createProgress } from './progress.ts';

export interface DevOptions {
  readonly data?: string;
  readonly port?: string;
  readonly backend: 'embedded' | 'kubebuilder';
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
  const laptop = await startLaptop({
    backend: options.backend,
    dataDir: options.data,
    port: portOption(options.port),
    progress,
    lifecycle,
  });
  const resource = await applyAndAwait(
    laptop,
    await readSample(laptop, 'everything.yaml'),
    progress,
  );
  const url = await endpointUrl(laptop, resource);
  progress.say(`
  export KUBECONFIG=${laptop.cluster.kubeconfig}
  kubectl get mcpc                       the sample cluster
  MCP endpoint  ${url}
  logs          ${laptop.logFolder}

Ctrl-C ends everything.`);
  void laptop.operatorEnded.then((why) => {
    if (!isStopping()) progress.say(why);
    finish(1);
  });
}

function portOption(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new UsageError(`--port ${text}: expected a port from 1 to 65535`);
  }
  return port;
}
