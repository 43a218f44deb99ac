/** What administrators do to nodes and pods: eviction, drain, deletion of the leader's pod. */
import assert from 'node:assert/strict';
import { eventually } from '../../../eventually.ts';
import { verifies } from '../../../requirements.ts';
import { NAMESPACE } from '../../manifests.ts';
import { scenario, type Scenario } from '../../scenario.ts';
import { SAMPLE, whole } from '../../scenarios/cluster.ts';
import {
  evictionOf,
  evictionPath,
  leaderOf,
  podUids,
  replaced,
} from '../../scenarios/life-cycle.ts';
import {
  assertSurvived,
  assertUndisturbed,
  moreCalls,
  openSessionOn,
  withMembers,
  type BusySession,
} from '../../sessions.ts';
import type { NodesArena } from '../arena.ts';

async function sessionOn(arena: NodesArena, pod: string): Promise<BusySession> {
  const url = await arena.url(SAMPLE);
  const { session } = await withMembers(arena, SAMPLE, (members) =>
    openSessionOn(url, members, (owner) => owner === pod),
  );
  await moreCalls(session);
  return session;
}

const switchover = scenario(verifies('nodes.switchover'), async (arena: NodesArena) => {
  await whole(arena);
  const leader = await leaderOf(arena);
  const session = await sessionOn(arena, leader);
  const before = await podUids(arena);
  const deletedAt = Date.now();
  await arena.kubectl(`delete pod ${leader} --wait=false`);
  await eventually(
    'another leader',
    async () => {
      const { status } = await arena.get(SAMPLE);
      return status?.leader !== undefined && status.leader !== '' && status.leader !== leader;
    },
    30_000,
  );
  console.log(`another pod led within ${Date.now() - deletedAt} ms, as the status has it`);
  await replaced(arena, before);
  await moreCalls(session);
  console.log(await assertSurvived(session, deletedAt));
  assertUndisturbed(session);
});

const evictions = scenario(verifies('nodes.eviction'), async (arena: NodesArena) => {
  await whole(arena);
  const evict = (pod: string): Promise<string> =>
    arena.client
      .raw('POST', evictionPath(pod), {
        body: evictionOf(pod),
        signal: AbortSignal.timeout(2_000),
      })
      .then(
        () => 'evicted',
        (error: unknown) => String(error),
      );
  const before = await podUids(arena);
  assert.equal(await evict(`${SAMPLE}-0`), 'evicted');
  const refused = await arena.kubectl.run(`create --raw ${evictionPath(`${SAMPLE}-1`)} -f -`, {
    input: JSON.stringify(evictionOf(`${SAMPLE}-1`)),
  });
  assert.notEqual(refused.code, 0, 'a second pod was evicted');
  assert.match(refused.stderr, /disruption budget/);
  await replaced(arena, before);
});

/** Names of those that take clients, as the kubelets have it. */
async function readyPods(arena: NodesArena): Promise<readonly string[]> {
  const pods = await arena.pods(NAMESPACE, `mcpcluster.io/cluster=${SAMPLE}`);
  return pods
    .filter(({ status }) =>
      status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True'),
    )
    .map(({ metadata }) => metadata.name ?? '');
}

/** Two nodes at once, as a careless upgrade of a cluster does. */
const drain: Scenario<NodesArena> = {
  ...scenario(verifies('nodes.drain'), async (arena: NodesArena) => {
    await whole(arena);
    const members = await arena.pods(NAMESPACE, `mcpcluster.io/cluster=${SAMPLE}`);
    const hit = members.filter(({ spec }) => spec?.nodeName !== arena.quietNode);
    const nodes = hit.map(({ spec }) => spec?.nodeName ?? '');
    assert.equal(nodes.length, 2);
    const sessions = [];
    for (const { metadata } of hit) sessions.push(await sessionOn(arena, metadata.name ?? ''));
    const before = await podUids(arena);
    const begunAt = performance.now();
    const seen: { readonly ms: number; readonly ready: readonly string[] }[] = [];
    try {
      const draining = Promise.all(
        nodes.map((node) =>
          arena.kubectl(
            `drain ${node} --ignore-daemonsets --delete-emptydir-data --timeout=100s --pod-selector=mcpcluster.io/cluster=${SAMPLE}`,
          ),
        ),
      );
      let isOver = false;
      const over = draining.finally(() => (isOver = true));
      over.catch(() => undefined);
      await eventually(
        'the drains',
        async () => {
          const ready = await readyPods(arena);
          if (ready.join() !== seen.at(-1)?.ready.join())
            seen.push({ ms: Math.round(performance.now() - begunAt), ready });
          return isOver;
        },
        110_000,
      );
      await over;
    } finally {
      for (const node of nodes) await arena.kubectl(`uncordon ${node}`);
    }
    await replaced(arena, before, 2);
    assert.ok(
      seen.every(({ ready }) => ready.length >= 2),
      JSON.stringify(seen),
    );
    for (const session of sessions) {
      await moreCalls(session);
      console.log(await assertSurvived(session, Infinity));
      assertUndisturbed(session);
    }
  }),
  timeoutMs: 240_000,
};

export const maintenanceScenarios = [switchover, evictions, drain];
