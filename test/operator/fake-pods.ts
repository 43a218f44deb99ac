/** Plays kubelet and sidecars for the operator's tests: pods get an address, sidecars answer as one healthy cluster. */
import { setTimeout as pause } from 'node:timers/promises';
import { RESOURCES, type KubeClient } from '../../src/kube/index.ts';
import { RpcError } from '../../src/rpc/index.ts';
import type { SidecarClient, SidecarStatus } from '../../src/operator/index.ts';
import type { SidecarLink } from '../../src/operator/ports.ts';
import { eventually } from '../eventually.ts';
import { createFakeMembers, type FakeMembers } from './fake-members.ts';
import type { Pod } from '../../src/operator/core/index.ts';

export type StatusOverride = Partial<SidecarStatus>;

export interface FakePods {
  readonly sidecars: SidecarClient;
  /** Pods whose sidecar is gone without Kubernetes knowing, as after the loss of a node. */
  readonly dead: Set<string>;
  /** What single sidecars answer differently, by pod name. */
  readonly overrides: Map<string, StatusOverride>;
  /** Replaces the status that the kubelet reports of a pod's server, by pod name. */
  readonly serverStatus: Map<string, Record<string, unknown>>;
  /** Why members refuse every configuration, when they do. */
  refuses?: string | undefined;
  /** Pods run only where the scheduler has put them; by default all run. */
  onlyScheduled?: boolean;
  /** Configurations that members agreed on. */
  readonly configurations: { generation: number; config: string }[];
  /** What sidecars were asked for. */
  readonly told: string[];
  /** Who takes part in the log. */
  readonly log: FakeMembers;
  /** Pods in the order in which they got their address. */
  readonly started: string[];
  /** Resolves when every pod that exists runs as the kubelet was told. */
  settled(): Promise<void>;
  /** Resolves after so many more answers of sidecars. */
  asked(answers: number): Promise<void>;
  /** Fewest pods that ran at once since all pods of the cluster first did. */
  leastAlive(): number;
  /** Tells everybody that something happened. */
  tell(): void;
  stop(): Promise<void>;
}

/** No pod is given the time of a start: what happens to it counts at once. */
const LONG_RUNNING = { running: { startedAt: '2026-01-01T00:00:00Z' } };

/** What the sidecar of a pod is told to begin again from. */
function recoveryOf(pod: Pod): { id: string; trust: string } | undefined {
  const containers = (pod.spec as { initContainers?: { args?: string[] }[] } | undefined)
    ?.initContainers;
  const flag = containers?.flatMap(({ args = [] }) => args).find((arg) => arg.startsWith(RECOVERY));
  const [id = '', trust = ''] = flag?.slice(RECOVERY.length).split(':') ?? [];
  return flag === undefined ? undefined : { id, trust };
}

const RECOVERY = '--recovery=';

/** Serves the pods of one namespace. */
export function startFakePods(client: KubeClient, namespace: string): FakePods {
  const running = new Map<string, { name: string; uid: string }>();
  type Listener = Parameters<SidecarLink['onFact']>[0];
  const listeners = new Set<Listener>();
  const abort = new AbortController();
  let lastOctet = 0;
  const log = createFakeMembers(client, namespace, 'tools');
  const fake: Pick<
    FakePods,
    'dead' | 'overrides' | 'serverStatus' | 'configurations' | 'started' | 'told'
  > = {
    dead: new Set(),
    overrides: new Map(),
    serverStatus: new Map(),
    configurations: [],
    started: [],
    told: [],
  };
  const draining = new Set<string>();
  /** By the configuration that was agreed on last. */
  const isFenced = (name: string): boolean => {
    const text = fake.configurations.at(-1)?.config ?? '{}';
    return (
      (JSON.parse(text) as { fencedMembers?: string[] }).fencedMembers?.includes(name) === true
    );
  };
  let answers = 0;
  let rounds = 0;
  let most = 0;
  let least = Number.POSITIVE_INFINITY;
  const alive = (): string[] =>
    [...running.values()]
      .map(({ name }) => name)
      .filter((name) => !fake.dead.has(name))
      .sort();

  const statusOf = (name: string): SidecarStatus => {
    const members = alive();
    const generation = fake.configurations.at(-1)?.generation ?? 0;
    const part = log.statusOf(name, members);
    return {
      nodeId: name,
      ...part,
      appliedIndex: part.commitIndex,
      members: [...new Set([...members, ...fake.dead])].map((id) => ({
        id,
        state: fake.dead.has(id) ? 'dead' : 'alive',
      })),
      sessions: 0,
      sessionsOwned: 0,
      ready: part.ready && !draining.has(name) && !isFenced(name),
      notReadyReason: '',
      cordon: draining.has(name) ? 'asked' : isFenced(name) ? 'fenced' : '',
      configGeneration: generation,
      draining: false,
      backend: { ready: true, problem: '' },
      ...fake.overrides.get(name),
    };
  };

  const run = async (pod: Pod): Promise<void> => {
    const { name = '', uid = '' } = pod.metadata;
    const { nodeName } = (pod.spec ?? {}) as { nodeName?: string };
    if (made.onlyScheduled === true && nodeName === undefined) return;
    const address = pod.status?.podIP ?? `10.244.0.${(lastOctet += 1)}`;
    const known = [...running].find(([, entry]) => entry.uid === uid);
    // A container takes a moment to start: for one round at least the pod is there and does not run.
    if (known === undefined && !noticed.has(uid)) return void noticed.add(uid);
    const server = {
      name: 'server',
      ready: true,
      restartCount: 0,
      image: 'x',
      imageID: '',
      state: LONG_RUNNING,
      ...fake.serverStatus.get(name),
    };
    if (known !== undefined && JSON.stringify(server) === seen.get(uid)) return;
    seen.set(uid, JSON.stringify(server));
    const now = new Date().toISOString().replace(/\.\d+Z/, 'Z');
    const ready = { type: 'Ready', status: 'True', lastTransitionTime: now };
    const sidecar = { ...server, name: 'sidecar', restartCount: 0, ready: true };
    const status = {
      phase: 'Running',
      podIP: address,
      podIPs: [{ ip: address }],
      conditions: [ready],
      initContainerStatuses: [{ ...sidecar, state: LONG_RUNNING }],
      containerStatuses: [server],
    };
    await client.patch(
      RESOURCES.pods,
      { namespace, name },
      { type: 'merge', body: { metadata: { uid }, status }, subresource: 'status' },
    );
    if (known === undefined) {
      for (const [key, entry] of running) if (entry.name === name) running.delete(key);
      running.set(address, { name, uid });
      fake.dead.delete(name);
      draining.delete(name);
      const told = recoveryOf(pod);
      if (told !== undefined) log.recoveries.set(name, told);
      fake.started.push(name);
    }
  };
  const seen = new Map<string, string>();
  const noticed = new Set<string>();
  const loop = async (): Promise<void> => {
    while (!abort.signal.aborted) {
      await log.look().catch(() => undefined);
      const pods = await client.list<Pod>(RESOURCES.pods, { namespace }).catch(() => undefined);
      if (pods !== undefined) {
        const uids = new Set(pods.items.map(({ metadata }) => metadata.uid));
        for (const [key, { uid }] of running) if (!uids.has(uid)) running.delete(key);
        await Promise.all(
          pods.items
            .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
            .map((pod) => run(pod).catch(() => undefined)),
        );
      }
      const now = alive().length;
      least = now > most ? now : Math.min(least, now);
      most = Math.max(most, now);
      rounds += 1;
      await pause(30);
    }
  };
  const done = loop();
  const made: FakePods = {
    ...fake,
    log,
    sidecars: {
      connect({ address }) {
        const listener: { current?: Listener } = {};
        return {
          status: async () => {
            const name = running.get(address)?.name;
            if (name === undefined || fake.dead.has(name)) throw new Error('refused');
            answers += 1;
            return statusOf(name);
          },
          applyConfig: async (generation, config) => {
            if (made.refuses !== undefined) throw new RpcError('invalid-argument', made.refuses);
            fake.configurations.push({ generation, config });
          },
          changeMembership: async (changes, expected) => {
            log.change(changes, expected);
            made.tell();
          },
          transferLeadership: async (to) => {
            const from = running.get(address)?.name;
            log.transfer(from ?? '', to, alive());
            made.told.push(`${from} lets ${to} lead`);
            made.tell();
          },
          drain: async (enabled) => {
            const name = running.get(address)?.name ?? '';
            if (fake.dead.has(name)) throw new Error('refused');
            if (draining.has(name) === enabled) return;
            if (enabled) draining.add(name);
            else draining.delete(name);
            made.told.push(`${name} ${enabled ? 'drains' : 'takes sessions'}`);
            made.tell();
          },
          onFact(next) {
            listener.current = next;
            listeners.add(next);
          },
          close() {
            if (listener.current !== undefined) listeners.delete(listener.current);
          },
        };
      },
    },
    async settled() {
      const target = rounds + 3;
      await eventually('the kubelet to be done', () => rounds >= target);
    },
    async asked(more) {
      const target = answers + more;
      await eventually('answers of sidecars', () => answers >= target);
    },
    leastAlive: () => least,
    tell() {
      for (const listener of listeners) listener({ kind: 'leader-elected', subject: '' });
    },
    async stop() {
      abort.abort();
      await done;
    },
  };
  return made;
}
