/** Pods that somebody else than the operator takes away, under the calls of clients: a deletion, an eviction as of a drain. */
import assert from 'node:assert/strict';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { post } from '../../gateway/client.ts';
import { verifies } from '../../requirements.ts';
import type { Arena } from '../arena.ts';
import { NAMESPACE } from '../manifests.ts';
import { scenario } from '../scenario.ts';
import { assertSurvived, moreCalls, openSessionOn, withMembers } from '../sessions.ts';
import { SAMPLE, whole } from './cluster.ts';
import { leaderOf, podUids } from './life-cycle.ts';

const LASTS_SECONDS = 2;

/** A call that nobody may repeat: it ends where it began, or its client is told that it is lost. */
async function lastingCall(url: string, session: string): Promise<string> {
  const params = {
    name: 'trigger-long-running-operation',
    arguments: { duration: LASTS_SECONDS, steps: LASTS_SECONDS },
  };
  const message = { jsonrpc: '2.0', id: 'lasting', method: 'tools/call', params };
  const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
  const { status, body } = await post(new URL(url), message, headers);
  return `${status} ${body}`;
}

/** `takeAway` names the owner of a session whose calls go on all the time, one of them for two seconds. */
async function leave(
  arena: Arena,
  isWanted: (pod: string) => boolean,
  takeAway: (pod: string) => Promise<unknown>,
): Promise<void> {
  await whole(arena);
  const url = await arena.url(SAMPLE);
  const { session, owner } = await withMembers(arena, SAMPLE, (members) =>
    openSessionOn(url, members, isWanted),
  );
  await moreCalls(session);
  const before = await podUids(arena);
  const lasting = lastingCall(url, session.id);
  await moreCalls(session, 5);
  const takenAt = Date.now();
  await takeAway(owner);
  assert.match(await lasting, /^200 .*Long running operation completed/s);
  assert.ok(Date.now() - takenAt > 500, 'the call was over before the pod was told to leave');
  await eventually(
    'a new pod',
    async () => (await podUids(arena)).some((uid) => !before.includes(uid)),
    60_000,
  );
  await whole(arena);
  await moreCalls(session);
  const disturbed = session.calls.records.filter(({ outcome }) => outcome.kind !== 'ok');
  assert.deepEqual(disturbed, [], 'no client noticed');
  console.log(await assertSurvived(session, takenAt));
}

const deletion = scenario(verifies('life-cycle.deleted-pod'), async (arena) => {
  const leader = await leaderOf(arena);
  await leave(
    arena,
    (pod) => pod === leader,
    (name) => arena.client.delete(RESOURCES.pods, { namespace: NAMESPACE, name }),
  );
});

const eviction = scenario(verifies('life-cycle.evicted-pod'), async (arena) => {
  const leader = await leaderOf(arena);
  await leave(
    arena,
    (pod) => pod !== leader,
    (name) =>
      arena.client.raw('POST', `/api/v1/namespaces/${NAMESPACE}/pods/${name}/eviction`, {
        body: {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { namespace: NAMESPACE, name },
        },
      }),
  );
});

export const departureScenarios = [deletion, eviction];
