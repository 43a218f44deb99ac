/** Members come and go, lose their volumes, and lose their majority, with real sidecars under the calls of real clients. */
import assert from 'node:assert/strict';
import { MCP_CLUSTERS, type McpCluster } from '../../../src/api/index.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import type { Arena } from '../arena.ts';
import { NAMESPACE } from '../manifests.ts';
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
import { SAMPLE } from './cluster.ts';

const ref = { namespace: NAMESPACE, name: SAMPLE };
const podOf = (ordinal: number): string => `${SAMPLE}-${ordinal}`;

/** As many pods as the spec asks for, so many of them voters, and nothing on its way. */
export async function settled(arena: Arena, pods: number, voters = pods): Promise<McpCluster> {
  return eventually(
    `${pods} members, ${voters} of them voters`,
    async () => {
      const cluster = await arena.get(SAMPLE);
      const { members = [], readyReplicas, conditions = [], releasing } = cluster.status ?? {};
      const isStill = conditions.some(
        ({ type, status, observedGeneration }) =>
          type === 'Progressing' &&
          status === 'False' &&
          observedGeneration === cluster.metadata.generation,
      );
      const voting = members.filter(({ membership }) => membership === 'Voter').length;
      const isThere = members.length === pods && readyReplicas === pods && voting === voters;
      return isThere && isStill && releasing === undefined && cluster;
    },
    90_000,
  );
}

function scale(arena: Arena, replicas: number): Promise<unknown> {
  const body = { spec: { replicas } };
  return arena.client.patch(MCP_CLUSTERS, ref, { type: 'merge', subresource: 'scale', body });
}

async function loseVolume({ client }: Arena, pod: string): Promise<void> {
  const namespace = NAMESPACE;
  await client.delete(RESOURCES.persistentVolumeClaims, { namespace, name: `data-${pod}` });
  await client.delete(RESOURCES.pods, { namespace, name: pod });
}

const idOf = ({ status }: McpCluster, pod: string): string | undefined =>
  status?.members?.find(({ name }) => name === pod)?.id;

const scaling = scenario(
  'scale 3 -> 5 -> 4 -> 3: voters come and go with the pods, no session and no call is lost',
  async (arena) => {
    const url = await arena.url(SAMPLE);
    await scale(arena, 5);
    await settled(arena, 5);
    const openOn = (pod: string) =>
      withMembers(arena, SAMPLE, (admin) => openSessionOn(url, admin, (owner) => owner === pod));
    const sessions = [await openOn(podOf(4)), await openOn(podOf(0))].map(({ session }) => session);
    await Promise.all(sessions.map((session) => moreCalls(session)));
    // Who leads must not be among those that stay by chance alone.
    await withMembers(arena, SAMPLE, async ({ members }) => {
      const { leader } = (await arena.get(SAMPLE)).status ?? {};
      const admin = members.find(({ pod }) => pod === leader)?.admin;
      if (leader !== podOf(3))
        await admin?.transferLeadership({ to: podOf(3) }, { timeoutMs: 5_000 });
    });
    const scaledAt = Date.now();
    await scale(arena, 4);
    await settled(arena, 4, 3);
    await scale(arena, 3);
    await settled(arena, 3);
    await Promise.all(sessions.map((session) => moreCalls(session, 40)));
    for (const session of sessions) console.log(await assertSurvived(session, scaledAt));
    const { items } = await arena.client.list(RESOURCES.persistentVolumeClaims, {
      namespace: NAMESPACE,
    });
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name).filter((name) => name?.includes(SAMPLE)),
      [0, 1, 2].map((ordinal) => `data-${podOf(ordinal)}`),
      'volumes go with their pods',
    );
  },
);

const lostVolume = scenario(
  'the volume of a voter is lost: another member takes its place',
  async (arena) => {
    const before = await settled(arena, 3);
    const session = await openBusySession(await arena.url(SAMPLE));
    await moreCalls(session);
    const lostAt = Date.now();
    await loseVolume(arena, podOf(1));
    await eventually(
      'another member',
      async () => {
        const id = idOf(await arena.get(SAMPLE), podOf(1));
        return id !== undefined && id !== idOf(before, podOf(1));
      },
      60_000,
    );
    await settled(arena, 3);
    await moreCalls(session, 20);
    await assertSurvived(session, lostAt);
  },
);

const recovery = scenario(
  'a majority is lost for good: reported with the command, and begun again from who is left',
  async (arena) => {
    const before = await settled(arena, 3);
    const session = await openBusySession(await arena.url(SAMPLE));
    await moreCalls(session);
    await endCalls(session);
    await Promise.all([podOf(0), podOf(2)].map((pod) => loseVolume(arena, pod)));
    const lost = await arena.condition(SAMPLE, 'QuorumHealthy', 'False');
    const message = async (): Promise<string> => {
      const { conditions = [] } = (await arena.get(SAMPLE)).status ?? {};
      return conditions.find(({ type }) => type === 'QuorumHealthy')?.message ?? '';
    };
    assert.equal(lost.status?.founded, true);
    const patch = await eventually('the command', async () => {
      const told = /--type=merge -p '(\{.*\})'/.exec(await message());
      return told?.[1] !== undefined && (JSON.parse(told[1]) as { spec: { recovery: object } });
    });
    assert.deepEqual(
      (patch.spec.recovery as { trustMember: string }).trustMember,
      podOf(1),
      'who has the log is to be trusted',
    );
    await arena.client.patch(MCP_CLUSTERS, ref, { type: 'merge', body: patch });
    const done = async (): Promise<boolean> =>
      (await arena.get(SAMPLE)).status?.recovery?.phase === 'Done';
    await eventually('the recovery to be done', done, 90_000);
    const after = await settled(arena, 3);
    for (const ordinal of [0, 2])
      assert.notEqual(idOf(after, podOf(ordinal)), idOf(before, podOf(ordinal)));
    assert.equal(idOf(after, podOf(1)), idOf(before, podOf(1)), 'the trusted one is who it was');
    await session.client.echo('after the recovery');
    assert.equal(session.client.sessionId(), session.id, 'what it knew of sessions is there');
    await closeSession(session);
  },
);

export const memberScenarios = [
  { ...scaling, timeoutMs: 240_000 },
  { ...lostVolume, timeoutMs: 180_000 },
  { ...recovery, timeoutMs: 240_000 },
];
