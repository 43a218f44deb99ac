/** What must not happen: elections under load, a leader slowed down by a follower that catches up, memory without need. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../../eventually.ts';
import { freePorts } from '../../free-ports.ts';
import { summarize } from '../measure.ts';
import { Group, type MemberProcess } from './group.ts';
import { residentMb, untilIdle } from './processes.ts';
import { range } from '../table.ts';
import { type Part } from './row.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', '..', 'dist', 'mcp-cluster.mjs');
const FULL_LOAD = { inFlight: 1_000, bytes: 256 };
/** Far below what the members can do, so that its latency tells about disturbances. */
const LIGHT_LOAD = { inFlight: 16, bytes: 256 };
const CATCH_UP_MS_MAX = 10 * 60_000;

/** The leader under full load must stay the leader. */
export const elections: Part = {
  needsEtcd: false,
  needsLoader: false,
  async run({ minutes, profileDir }, print) {
    print(`full load for ${minutes} min`);
    const group = await Group.start(profileDir);
    try {
      const leader = await group.leader();
      const before = await leader.call('status');
      const result = await leader.call('load', { ...FULL_LOAD, ms: minutes * 60_000 });
      const after = await Promise.all(
        [...group.members.values()].map((member) => member.call('status')),
      );
      const elections = Math.max(...after.map(({ term }) => term)) - before.term;
      const memory = await Promise.all(group.pids.map(residentMb));
      print(
        `  ${result.perSecond.toFixed(0)} proposals/s, p99 ${result.p99Ms.toFixed(0)} ms, worst ${result.maxMs.toFixed(0)} ms, ${result.failed} failed, memory ${memory.map((mb) => mb.toFixed(0)).join(' ')} MB`,
      );
      const row = {
        name: 'false-elections',
        what: `elections in ${minutes} min at full load (${(result.perSecond / 1000).toFixed(0)}k/s)`,
        ours: String(elections),
        peer: '',
        value: elections,
        goal: { atMost: 0 },
      };
      return [row];
    } finally {
      await group.stop();
    }
  },
};

/** Three real sidecars with nothing to do. */
export const idleMemory: Part = {
  needsEtcd: false,
  needsLoader: false,
  async run({ short }, print) {
    print('three sidecars as they ship, idle');
    const folder = await mkdtemp(join(tmpdir(), 'bench-idle-'));
    const ports = await freePorts(9);
    const clusterPorts = ports.slice(0, 3);
    const peers = clusterPorts.map((port, i) => `n${i + 1}@127.0.0.1:${port}`).join();
    const children = clusterPorts.map((port, i) =>
      spawn(
        process.execPath,
        [
          ...[PROGRAM, 'sidecar', '--node-id', `n${i + 1}`, '--peers', peers],
          ...['--cluster-port', String(port), '--advertise-addr', `127.0.0.1:${port}`],
          ...['--session-db-path', folder, '--log-level', 'error'],
          // Nothing listens there, but the gateway is loaded and waits.
          ...['--upstream', 'http://127.0.0.1:1/mcp', '--gateway-port', String(ports[3 + i])],
          ...['--gateway-peer-port', String(ports[6 + i])],
        ],
        { stdio: 'ignore', env: { ...process.env, XDG_STATE_HOME: folder } },
      ),
    );
    try {
      for (const port of clusterPorts) {
        const url = `http://127.0.0.1:${port}/raft/status`;
        const hasLeader = async (): Promise<boolean> => {
          const status = (await (await fetch(url)).json()) as { leader_id: string | null };
          return status.leader_id !== null;
        };
        await eventually('a leader', hasLeader, 30_000);
      }
      // The collector gives memory back in its own time.
      await pause(short ? 2_000 : 60_000);
      const memory = summarize(
        await Promise.all(children.map(({ pid }) => residentMb(pid as number))),
      );
      const row = {
        name: 'idle-rss-mb',
        what: 'resident memory of an idle sidecar, largest of three, in MB',
        ours: range(memory, 'MB'),
        peer: '',
        value: memory.max,
        goal: { atMost: 75 },
      };
      return [row];
    } finally {
      for (const child of children) child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  },
};

/** A follower that missed much catches up while clients go on writing. */
export const catchUp: Part = {
  needsEtcd: false,
  needsLoader: false,
  async run({ catchUpMb, short, profileDir }, print) {
    print(`a follower ${catchUpMb} MB behind`);
    const group = await Group.start(profileDir);
    try {
      const leader = await group.leader();
      const [follower] = group.followers(leader) as [MemberProcess];
      await follower.end('SIGKILL');
      await leader.call('fill', { bytes: catchUpMb * 2 ** 20 });
      // The program is loaded before: what its start costs the machine is not what is measured.
      const again = group.spawn(follower.id);
      await again.loaded;
      await untilIdle();
      const slice = { ...LIGHT_LOAD, ms: short ? 500 : 5_000 };
      await leader.call('load', slice);
      const before = await leader.call('load', slice);
      const { appliedIndex: target } = await leader.call('status');
      const began = performance.now();
      const joined = caughtUp(group, again, target);
      const during = await loadUntil(leader, joined);
      const seconds = ((await joined) - began) / 1000;
      const after = await leader.call('load', slice);
      print(
        `  caught up in ${seconds.toFixed(1)} s; leader's p99 before ${before.p99Ms.toFixed(1)} ms, during ${during.toFixed(1)} ms, after ${after.p99Ms.toFixed(1)} ms`,
      );
      const row = {
        name: 'catch-up-p99',
        what: `leader's p99 while a follower ${catchUpMb} MB behind catches up (${seconds.toFixed(0)} s), to before`,
        ours: `${during.toFixed(1)} ms to ${before.p99Ms.toFixed(1)} ms`,
        peer: '',
        value: during / before.p99Ms,
        goal: { atMost: 2 },
      };
      return [row];
    } finally {
      await group.stop();
    }
  },
};

/** Joins and resolves with the time at which the member had applied everything up to `target`. */
async function caughtUp(group: Group, member: MemberProcess, target: number): Promise<number> {
  await group.join(member);
  const done = async (): Promise<boolean> => (await member.call('status')).appliedIndex >= target;
  await eventually('the follower to catch up', done, CATCH_UP_MS_MAX);
  return performance.now();
}

/** The largest p99 of one second at the leader, until `end`. */
async function loadUntil(leader: MemberProcess, end: Promise<unknown>): Promise<number> {
  let over = false;
  const finished = end.then(
    () => (over = true),
    () => (over = true),
  );
  let worst = 0;
  while (!over) {
    const load = leader.call('load', { ...LIGHT_LOAD, ms: 1_000 });
    worst = Math.max(worst, (await load).p99Ms);
  }
  await finished;
  return worst;
}
