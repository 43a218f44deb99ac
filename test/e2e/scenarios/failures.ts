/** Sessions outlive what kills pods, leaders, sidecars and the operator. */
import assert from 'node:assert/strict';
import { MCP_CLUSTERS } from '../../../src/api/index.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import type { Arena } from '../arena.ts';
import type { LaptopArena } from '../laptop.ts';
import { EVERYTHING, mcpCluster, NAMESPACE } from '../manifests.ts';
import { scenario } from '../scenario.ts';
import {
  assertSurvived,
  closeSession,
  endCalls,
  moreCalls,
  openBusySession,
  openSessionOn,
  withMembers,
} from '../sessions.ts';
import { SAMPLE, warnings, whole } from './cluster.ts';

const PODS = [0, 1, 2].map((ordinal) => `${SAMPLE}-${ordinal}`);

async function leaderOf(arena: Arena): Promise<string> {
  return eventually('a leader', async () => (await arena.get(SAMPLE)).status?.leader || false);
}

const ownerKill = scenario('kill -9 of the owner: its session moves and goes on', async (arena) => {
  const url = await arena.url(SAMPLE);
  const leader = await leaderOf(arena);
  const { session, owner } = await withMembers(arena, SAMPLE, (members) =>
    openSessionOn(url, members, (pod) => pod !== leader),
  );
  await moreCalls(session);
  const killedAt = Date.now();
  await arena.killPod(owner);
  await moreCalls(session, 60);
  await assertSurvived(session, killedAt);
  await whole(arena);
});

const leaderKill = scenario(
  "kill -9 of the Raft leader's pod: another leads, sessions go on",
  async (arena) => {
    const url = await arena.url(SAMPLE);
    const leader = await leaderOf(arena);
    const sessions = await withMembers(arena, SAMPLE, async (members) => [
      (await openSessionOn(url, members, (pod) => pod === leader)).session,
      (await openSessionOn(url, members, (pod) => pod !== leader)).session,
    ]);
    await Promise.all(sessions.map((session) => moreCalls(session)));
    const before = (await arena.get(SAMPLE)).status?.term ?? 0;
    const killedAt = Date.now();
    await arena.killPod(leader);
    await eventually(
      'a new term',
      async () => ((await arena.get(SAMPLE)).status?.term ?? 0) > before,
      30_000,
    );
    await Promise.all(sessions.map((session) => moreCalls(session, 60)));
    for (const session of sessions) await assertSurvived(session, killedAt);
    await whole(arena);
  },
);

const sidecarsKill = scenario(
  'kill -9 of all three sidecars at once: sessions are in the log',
  async (arena: LaptopArena) => {
    const url = await arena.url(SAMPLE);
    const sessions = await Promise.all([1, 2, 3, 4].map(() => openBusySession(url)));
    await Promise.all(sessions.map((session) => moreCalls(session)));
    const sidecars = (): number[] =>
      PODS.flatMap((pod) =>
        arena.cluster
          .podProcesses(NAMESPACE, pod)
          .filter(({ container }) => container === 'sidecar')
          .flatMap((container) => container.pids),
      );
    const pids = sidecars();
    assert.ok(pids.length >= 3, `only ${pids.length} sidecar processes`);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    // The kubelet may make them wait: their pods were killed before.
    const areNew = (): boolean => {
      const now = sidecars();
      return now.length >= 3 && now.every((pid) => !pids.includes(pid));
    };
    await eventually('three new sidecars', areNew, 60_000);
    await whole(arena);
    await Promise.all(sessions.map((session) => moreCalls(session)));
    for (const session of sessions) {
      await endCalls(session);
      await session.client.echo('after the restart');
      assert.equal(session.client.sessionId(), session.id);
      await closeSession(session);
    }
  },
);

const operatorKill = scenario(
  'kill -9 of the operator in mid-reconcile: nobody notices, and it goes on',
  async (arena: LaptopArena) => {
    const session = await openBusySession(await arena.url(SAMPLE));
    const name = 'second';
    const startedAt = Date.now();
    const spec = { server: EVERYTHING, replicas: 1 };
    await arena.client.create(MCP_CLUSTERS, mcpCluster(name, spec));
    await eventually('the first object of the reconcile', async () => {
      const { items } = await arena.client.list(RESOURCES.secrets, { namespace: NAMESPACE });
      return items.some(({ metadata }) => metadata.name?.startsWith(`${name}-`));
    });
    await arena.killOperator();
    const half = await arena.get(name);
    assert.notEqual(
      half.status?.conditions?.find(({ type }) => type === 'Available')?.status,
      'True',
      'the kill came too late to prove anything',
    );
    await moreCalls(session, 20);
    arena.startOperator();
    const { metadata } = await arena.condition(name, 'Available', 'True', 90_000);
    assert.deepEqual(await warnings(arena, metadata.uid), [], 'the other one saw nothing wrong');
    const { items } = await arena.client.list(RESOURCES.statefulSets, { namespace: NAMESPACE });
    const ours = items.filter(({ metadata }) => metadata.name === name);
    assert.equal(ours.length, 1);
    const { ok, retried } = await quietly(session);
    assert.equal(retried, 0, `the operator is not in the path of ${ok} calls`);
    assert.ok(Date.now() > startedAt);
    await arena.remove(name);
  },
);

async function quietly(
  session: Awaited<ReturnType<typeof openBusySession>>,
): Promise<{ ok: number; retried: number }> {
  await endCalls(session);
  const kinds = session.calls.records.map(({ outcome }) => outcome.kind);
  await session.client.close();
  return {
    ok: kinds.filter((kind) => kind === 'ok').length,
    retried: kinds.filter((kind) => kind !== 'ok').length,
  };
}

export const podFailureScenarios = [ownerKill, leaderKill];
export const failureScenarios = [...podFailureScenarios, sidecarsKill, operatorKill];
