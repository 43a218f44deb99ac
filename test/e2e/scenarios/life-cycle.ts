/** A fence, a rolling update, and a night's sleep, with real sidecars under the calls of real clients. */
import assert from 'node:assert/strict';
import { MCP_CLUSTERS } from '../../../src/api/index.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import type { Arena } from '../arena.ts';
import { NAMESPACE } from '../manifests.ts';
import { scenario, type Scenario } from '../scenario.ts';
import {
  assertSurvived,
  endCalls,
  moreCalls,
  openBusySession,
  openSessionOn,
  withMembers,
} from '../sessions.ts';
import { SAMPLE, whole } from './cluster.ts';

const change = (arena: Arena, spec: object): Promise<unknown> =>
  arena.client.patch(
    MCP_CLUSTERS,
    { namespace: NAMESPACE, name: SAMPLE },
    { type: 'merge', body: { spec } },
  );

async function podUids({ client }: Arena): Promise<readonly string[]> {
  const labelSelector = `mcpcluster.io/cluster=${SAMPLE}`;
  const { items } = await client.list(RESOURCES.pods, { namespace: NAMESPACE, labelSelector });
  return items.map(({ metadata }) => metadata.uid ?? '');
}

const leaderOf = async (arena: Arena): Promise<string> =>
  eventually('a leader', async () => (await arena.get(SAMPLE)).status?.leader ?? false);

const fence = scenario(
  'a fenced leader gives leadership and sessions away, and no call is lost',
  async (arena) => {
    // Members that were just let in are told of nothing else before they have settled.
    await whole(arena);
    const url = await arena.url(SAMPLE);
    const leader = await leaderOf(arena);
    const { session } = await withMembers(arena, SAMPLE, (members) =>
      openSessionOn(url, members, (owner) => owner === leader),
    );
    await change(arena, { fencedMembers: [leader] });
    const isGiven = async (): Promise<boolean> => {
      const { status } = await arena.get(SAMPLE);
      const member = status?.members?.find(({ name }) => name === leader);
      return status?.leader !== leader && member?.cordon === 'Fenced' && member.sessions === 0;
    };
    await eventually('another leader and no sessions', isGiven, 60_000);
    await moreCalls(session, 20);
    await change(arena, { fencedMembers: [] });
    await whole(arena);
    await assertSurvived(session, Infinity);
  },
);

const update = scenario('rolling update: every pod is new, and no call is lost', async (arena) => {
  const sessions = await Promise.all(
    [1, 2, 3].map(async () => openBusySession(await arena.url(SAMPLE))),
  );
  await Promise.all(sessions.map((session) => moreCalls(session)));
  const before = await podUids(arena);
  const metadata = { annotations: { 'example.com/rolled': String(Date.now()) } };
  await change(arena, { podTemplate: { metadata } });
  await eventually(
    'three other pods',
    async () => {
      const now = await podUids(arena);
      return now.length === 3 && now.every((uid) => !before.includes(uid));
    },
    100_000,
  );
  await whole(arena);
  await Promise.all(sessions.map((session) => moreCalls(session, 20)));
  for (const session of sessions) await assertSurvived(session, Infinity);
  const { items } = await arena.client.list(RESOURCES.events, { namespace: NAMESPACE });
  const reasons = new Set(items.map((event) => event['reason']));
  // A leader that loses an election on a slow machine has nothing to hand over; test/operator/life-cycle shows that it does.
  assert.ok(reasons.has('UpdateBlocked'), [...reasons].join());
});

const sleep = scenario('hibernate and wake up: the sessions are still there', async (arena) => {
  const session = await openBusySession(await arena.url(SAMPLE));
  await moreCalls(session);
  await endCalls(session);
  await change(arena, { hibernated: true });
  await eventually('no pods', async () => (await podUids(arena)).length === 0, 60_000);
  assert.equal((await arena.get(SAMPLE)).status?.phase, 'Hibernated');
  await change(arena, { hibernated: false });
  await whole(arena);
  await session.client.echo('good morning');
  assert.equal(session.client.sessionId(), session.id);
  await session.client.close();
});

/** On the real control plane the upgrade replaces every pod twice. */
const embeddedUpdate: Scenario = { ...update, only: 'embedded' };

export const lifeCycleScenarios = [fence, embeddedUpdate, sleep];
