/** What befalls the members while the clients work: one fault after the other, each healed before the next. */
import { setTimeout as pause } from 'node:timers/promises';
import { integerBetween, shuffled, type Random } from '../../src/std/index.ts';
import type { MemberId, ProcessCluster } from './cluster.ts';

interface Scene {
  readonly cluster: ProcessCluster;
  /** Whom it befalls. */
  readonly target: MemberId;
  readonly others: readonly [MemberId, MemberId];
}

interface Fault {
  /** Makes it happen; the result undoes it. */
  begin(scene: Scene): Promise<() => Promise<void>>;
}

const FAULTS = {
  kill: {
    async begin({ cluster, target }) {
      await cluster.end(target, 'SIGKILL');
      return () => cluster.launch(target);
    },
  },
  /** All at once, as when the power fails: what was acknowledged must be on their disks. */
  blackout: {
    async begin({ cluster }) {
      await Promise.all(cluster.ids.map((id) => cluster.end(id, 'SIGKILL')));
      return async () => {
        await Promise.all(cluster.ids.map((id) => cluster.launch(id)));
      };
    },
  },
  terminate: {
    async begin({ cluster, target }) {
      await cluster.end(target, 'SIGTERM');
      return () => cluster.launch(target);
    },
  },
  pause: {
    async begin({ cluster, target }) {
      cluster.pause(target, true);
      return async () => cluster.pause(target, false);
    },
  },
  'stalled disk': {
    async begin({ cluster, target }) {
      await cluster.stallDisk(target, true);
      return async () => {
        await cluster.stallDisk(target, false);
      };
    },
  },
  /** Not the end of anything: leadership is handed over and clients go on. */
  transfer: {
    async begin({ cluster, target }) {
      await cluster.transfer(target);
      return async () => undefined;
    },
  },
  /** It hands over and does not hear who took over: whatever it still believes by itself is wrong. */
  'deaf hand-over': {
    async begin({ cluster, target, others }) {
      const handedOver = cluster.transfer(target);
      for (const other of others) cluster.link(other, target).set('mute');
      await handedOver;
      return async () => {
        for (const other of others) cluster.link(other, target).set('open');
      };
    },
  },
  isolated: {
    async begin({ cluster, target, others }) {
      for (const other of others) cluster.between(target, other, 'hold');
      return async () => {
        for (const other of others) cluster.between(target, other, 'open');
      };
    },
  },
  'cut off': {
    async begin({ cluster, target, others }) {
      for (const other of others) cluster.between(target, other, 'cut');
      return async () => {
        for (const other of others) cluster.between(target, other, 'open');
      };
    },
  },
  /** It hears everybody and nobody hears it. */
  unheard: {
    async begin({ cluster, target, others }) {
      for (const other of others) cluster.link(target, other).set('mute');
      return async () => {
        for (const other of others) cluster.link(target, other).set('open');
      };
    },
  },
  /** Everybody hears it and it hears nobody. */
  deaf: {
    async begin({ cluster, target, others }) {
      for (const other of others) cluster.link(other, target).set('mute');
      return async () => {
        for (const other of others) cluster.link(other, target).set('open');
      };
    },
  },
  /** Two members cannot talk to each other, the third to both. */
  'broken triangle': {
    async begin({ cluster, target, others: [other] }) {
      cluster.between(target, other, 'hold');
      return async () => cluster.between(target, other, 'open');
    },
  },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

export interface FaultOptions {
  readonly random: Random;
  readonly names: readonly FaultName[];
  /** How long a fault lasts, and the quiet after it. */
  readonly lastsMs: { readonly min: number; readonly max: number };
  readonly quietMs: { readonly min: number; readonly max: number };
  readonly report: (line: string) => void;
}

/** Goes through all faults in random order, again and again, until `stopped`; everything is healed when it resolves. */
export async function runFaults(
  cluster: ProcessCluster,
  options: FaultOptions,
  stopped: AbortSignal,
): Promise<void> {
  const { random, lastsMs, quietMs, report } = options;
  const between = ({ min, max }: { min: number; max: number }): Promise<void> =>
    pause(integerBetween(random, min, max), undefined, { signal: stopped }).catch(() => undefined);
  while (!stopped.aborted) {
    for (const name of shuffled(random, options.names)) {
      await between(quietMs);
      if (stopped.aborted) return;
      const scene = await chooseScene(cluster, random);
      report(`${name}: ${scene.target}${scene.leads ? ' (leader)' : ''}`);
      const heal = await FAULTS[name].begin(scene);
      await between(lastsMs);
      await heal();
    }
  }
}

/** The leader, two times out of three: there it hurts most. */
async function chooseScene(
  cluster: ProcessCluster,
  random: Random,
): Promise<Scene & { leads: boolean }> {
  const leader = await cluster.leaderNow();
  const order = shuffled(random, cluster.ids);
  const target = leader !== undefined && random.next() < 2 / 3 ? leader : (order[0] as MemberId);
  const [first, second] = order.filter((id) => id !== target) as [MemberId, MemberId];
  return { cluster, target, others: [first, second], leads: target === leader };
}
