/** Pods as processes: a sidecar and a fixture server each, killed together and started again with the same name and volume. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import type { Target } from '../fixtures/spray-proxy.ts';
import { lastingPorts } from '../linearizability/ports.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PROGRAM = join(ROOT, 'dist', 'mcp-cluster.mjs');
const SERVER = join(ROOT, 'test', 'fixtures', 'mcp-server', 'main.ts');
const PROBE_MS = 100;
/** Like a kubelet, a pod that was ready is given up after several failed probes, not after one. */
const PROBE_FAILURES_MAX = 10;
const READY_TIMEOUT_MS = 60_000;

interface Pod {
  readonly name: string;
  readonly target: Target;
  readonly healthPort: number;
  start(): void;
  /** SIGKILL to both processes; resolves when they are gone. */
  kill(): Promise<void>;
  ready: boolean;
  /** Failed readiness probes in a row. */
  failures: number;
}

export interface Pods {
  readonly names: readonly string[];
  /** Pods that passed their last readiness probe: what a Service would send to. */
  ready(): Target[];
  allReady(): Promise<void>;
  kill(index: number): Promise<void>;
  start(index: number): void;
  /** Every call with an effect that any server executed, in no order. */
  effects(): Promise<string[]>;
  /** Folder with a log of each process. */
  readonly folder: string;
  stop(options: { readonly keepLogs: boolean }): Promise<void>;
}

export async function startPods(count: number): Promise<Pods> {
  const folder = await mkdtemp(join(tmpdir(), 'soak-'));
  const ports = await lastingPorts(count * 5);
  const portsOf = (index: number): number[] => ports.slice(index * 5, index * 5 + 5);
  const peers = Array.from(
    { length: count },
    (_, index) => `pod-${index}@127.0.0.1:${portsOf(index)[0]}`,
  ).join();
  const stateKey = randomBytes(32).toString('hex');
  const effectsFile = join(folder, 'effects');

  const createPod = (index: number): Pod => {
    const name = `pod-${index}`;
    const [cluster, gateway, peer, upstream, health] = portsOf(index) as [
      number,
      number,
      number,
      number,
      number,
    ];
    let processes: ChildProcess[] = [];
    const run = (kind: string, args: readonly string[], extra: NodeJS.ProcessEnv): void => {
      const log = createWriteStream(join(folder, `${name}-${kind}.log`), { flags: 'a' });
      const child = spawn(process.execPath, args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        // What Node has compiled once; a container's image has that, too.
        env: {
          ...process.env,
          XDG_STATE_HOME: folder,
          NODE_COMPILE_CACHE: join(folder, 'compiled'),
          ...extra,
        },
      });
      child.stdout.pipe(log, { end: false });
      child.stderr.pipe(log, { end: false });
      processes.push(child);
    };
    return {
      name,
      target: { host: '127.0.0.1', port: gateway },
      healthPort: health,
      ready: false,
      failures: PROBE_FAILURES_MAX,
      start() {
        run('server', [SERVER], {
          PORT: String(upstream),
          REQUEST_STATE_KEY: stateKey,
          EFFECTS_FILE: effectsFile,
        });
        run(
          'sidecar',
          [
            ...[PROGRAM, 'sidecar', '--node-id', name, '--peers', peers],
            ...['--cluster-port', String(cluster), '--advertise-addr', `127.0.0.1:${cluster}`],
            ...['--session-db-path', folder, '--upstream', `http://127.0.0.1:${upstream}/mcp`],
            ...['--gateway-port', String(gateway), '--gateway-peer-port', String(peer)],
            ...['--metrics-port', String(health)],
          ],
          {},
        );
      },
      async kill() {
        const dying = processes;
        processes = [];
        const gone = dying
          .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
          .map((child) => once(child, 'exit'));
        for (const child of dying) child.kill('SIGKILL');
        await Promise.all(gone);
      },
    };
  };

  const pods = Array.from({ length: count }, (_, index) => createPod(index));
  const pod = (index: number): Pod => pods[index] as Pod;
  let stopped = false;
  for (const each of pods) each.start();
  const probe = setInterval(() => {
    for (const each of pods) {
      void isReady(each.healthPort).then((ok) => {
        each.failures = ok ? 0 : each.failures + 1;
        each.ready = each.failures < PROBE_FAILURES_MAX;
      });
    }
  }, PROBE_MS);
  return {
    names: pods.map(({ name }) => name),
    folder,
    ready() {
      const chosen = pods.filter(({ ready }) => ready);
      // With nobody ready a guess is better than a refusal; balancers call it panic.
      return (chosen.length === 0 ? pods : chosen).map(({ target }) => target);
    },
    async allReady() {
      await eventually(
        'all pods',
        () => pods.every(({ failures }) => failures === 0),
        READY_TIMEOUT_MS,
      );
    },
    kill: (index) => pod(index).kill(),
    start(index) {
      // Whoever is about to start a pod again may not know that all is over.
      if (!stopped) pod(index).start();
    },
    async effects() {
      const text = await readFile(effectsFile, 'utf8').catch(() => '');
      return text.split('\n').filter((line) => line !== '');
    },
    async stop({ keepLogs }) {
      stopped = true;
      clearInterval(probe);
      await Promise.all(pods.map((each) => each.kill()));
      if (!keepLogs) await rm(folder, { recursive: true, force: true });
    },
  };
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  } catch {
    return false;
  }
}
