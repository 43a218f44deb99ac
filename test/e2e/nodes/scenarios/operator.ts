/** The operator is away, or one of the two is: sessions never depend on it, and no two act. */
import assert from 'node:assert/strict';
import { RESOURCES } from '../../../../src/kube/index.ts';
import { eventually } from '../../../eventually.ts';
import { verifies } from '../../../requirements.ts';
import { NAMESPACE } from '../../manifests.ts';
import { scenario } from '../../scenario.ts';
import { SAMPLE, whole } from '../../scenarios/cluster.ts';
import { change } from '../../scenarios/life-cycle.ts';
import { assertSurvived, moreCalls, openSessionOn, withMembers } from '../../sessions.ts';
import { OPERATOR_NAMESPACE, OPERATOR_PODS, RELEASE, type NodesArena } from '../arena.ts';
import { leaderStates } from './installation.ts';

/** A value of the spec that the members take over without a restart. */
async function isTakenOver(arena: NodesArena): Promise<void> {
  await change(arena, { sessions: { max: 1_000 + Math.floor(performance.now()) } });
  await arena.condition(SAMPLE, 'Available', 'True', 60_000);
}

const away = scenario(verifies('nodes.operator-down'), async (arena: NodesArena) => {
  await whole(arena);
  const { client, kubectl } = arena;
  const url = await arena.url(SAMPLE);
  const { session, owner } = await withMembers(arena, SAMPLE, (members) =>
    openSessionOn(url, members, () => true),
  );
  const inSystem = `-n ${OPERATOR_NAMESPACE}`;
  await kubectl(`scale deployment ${RELEASE} --replicas=0 ${inSystem}`);
  await kubectl(`wait pod -l ${OPERATOR_PODS} --for=delete --timeout=60s ${inSystem}`);
  await moreCalls(session);
  const killedAt = Date.now();
  await arena.killPod(owner);
  const budget = { namespace: NAMESPACE, name: SAMPLE };
  await client.delete(RESOURCES.podDisruptionBudgets, budget);
  await moreCalls(session, 60);
  console.log(`nobody watches: ${await assertSurvived(session, killedAt)}`);
  await kubectl(`scale deployment ${RELEASE} --replicas=2 ${inSystem}`);
  await eventually(
    'what was deleted meanwhile',
    async () => client.get(RESOURCES.podDisruptionBudgets, budget),
    60_000,
  );
  await whole(arena);
});

const successor = scenario(verifies('nodes.operator-ha'), async (arena: NodesArena) => {
  await arena.kubectl(
    `rollout status deployment ${RELEASE} -n ${OPERATOR_NAMESPACE} --timeout=60s`,
  );
  const first = await eventually('one that leads', () => arena.operatorLeader(), 30_000);
  const killedAt = performance.now();
  const ref = { namespace: OPERATOR_NAMESPACE, name: first };
  await arena.client.delete(RESOURCES.pods, ref, { gracePeriodSeconds: 0 });
  let most = 0;
  await eventually(
    'another that leads',
    async () => {
      const states = await leaderStates(arena);
      most = Math.max(most, states.filter((state) => state === 1).length);
      const leader = await arena.operatorLeader();
      return leader !== '' && leader !== first;
    },
    60_000,
  );
  console.log(`another operator leads after ${Math.round(performance.now() - killedAt)} ms`);
  await isTakenOver(arena);
  const states = await leaderStates(arena);
  assert.ok(Math.max(most, states.filter((state) => state === 1).length) <= 1, 'two led');
});

export const operatorScenarios = [away, successor];
