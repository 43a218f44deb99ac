/** What people ask of a running cluster by `kubectl mcp`, with real sidecars under the calls of real clients. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MCP_CLUSTERS } from '../../../src/api/index.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
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

export const change = (arena: Arena, spec: object): Promise<unknown> =>
  arena.client.patch(
    MCP_CLUSTERS,
    { namespace: NAMESPACE, name: SAMPLE },
    { type: 'merge', body: { spec } },
  );

export async function podUids({ client }: Arena): Promise<readonly string[]> {
  const labelSelector = `mcpcluster.io/cluster=${SAMPLE}`;
  const { items } = await client.list(RESOURCES.pods, { namespace: NAMESPACE, labelSelector });
  return items.map(({ metadata }) => metadata.uid ?? '');
}

/** Waits until so many pods are none of `before`, and the sample is whole again. */
export async function replaced(arena: Arena, before: readonly string[], count = 1): Promise<void> {
  await eventually(
    `${count} new pods`,
    async () => (await podUids(arena)).filter((uid) => !before.includes(uid)).length >= count,
    60_000,
  );
  await whole(arena);
}

/** The body of a request for the eviction of a pod of the sample. */
export const evictionOf = (name: string): object => ({
  apiVersion: 'policy/v1',
  kind: 'Eviction',
  metadata: { namespace: NAMESPACE, name },
});

export const evictionPath = (name: string): string =>
  `/api/v1/namespaces/${NAMESPACE}/pods/${name}/eviction`;

export const leaderOf = async (arena: Arena): Promise<string> =>
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
    await arena.mcp(`fence ${SAMPLE} ${leader}`);
    const isGiven = async (): Promise<boolean> => {
      const { status } = await arena.get(SAMPLE);
      const member = status?.members?.find(({ name }) => name === leader);
      return status?.leader !== leader && member?.cordon === 'Fenced' && member.sessions === 0;
    };
    await eventually('another leader and no sessions', isGiven, 60_000);
    await moreCalls(session, 20);
    await arena.mcp(`unfence ${SAMPLE}`);
    await whole(arena);
    await assertSurvived(session, Infinity);
  },
);

/** `begin` makes the operator replace every pod, under the calls of three sessions; `meanwhile` is done until it has. */
export async function roll(
  arena: Arena,
  begin: () => Promise<unknown>,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<void> {
  const sessions = await Promise.all(
    [1, 2, 3].map(async () => openBusySession(await arena.url(SAMPLE))),
  );
  await Promise.all(sessions.map((session) => moreCalls(session)));
  const before = await podUids(arena);
  await begin();
  await eventually(
    'three other pods',
    async () => {
      const now = await podUids(arena);
      await meanwhile();
      return now.length === 3 && now.every((uid) => !before.includes(uid));
    },
    100_000,
  );
  await whole(arena);
  await Promise.all(sessions.map((session) => moreCalls(session, 20)));
  for (const session of sessions) await assertSurvived(session, Infinity);
}

const update = scenario('rolling update: every pod is new, and no call is lost', async (arena) => {
  let isApproved = false;
  await change(arena, { update: { mode: 'Supervised' } });
  await roll(
    arena,
    () => arena.mcp(`restart ${SAMPLE}`),
    async () => {
      if (isApproved || !(await waitsForApproval(arena))) return;
      await arena.mcp(`approve ${SAMPLE}`);
      isApproved = true;
    },
  );
  await change(arena, { update: { mode: 'Automatic' } });
  await whole(arena);
  const { items } = await arena.client.list(RESOURCES.events, { namespace: NAMESPACE });
  const reasons = new Set(items.map((event) => event['reason']));
  // A leader that loses an election on a slow machine has nothing to hand over; test/operator/life-cycle shows that it does.
  assert.ok(reasons.has('UpdateBlocked'), [...reasons].join());
});

const sleep = scenario('hibernate and wake up: the sessions are still there', async (arena) => {
  const session = await openBusySession(await arena.url(SAMPLE));
  await moreCalls(session);
  await endCalls(session);
  await arena.mcp(`hibernate ${SAMPLE} --yes`);
  await eventually('no pods', async () => (await podUids(arena)).length === 0, 60_000);
  assert.equal((await arena.get(SAMPLE)).status?.phase, 'Hibernated');
  await arena.mcp(`wake ${SAMPLE}`);
  await whole(arena);
  await session.client.echo('good morning');
  assert.equal(session.client.sessionId(), session.id);
  await session.client.close();
});

const people = scenario(verifies('verbs.plugin'), async (arena) => {
  await whole(arena);
  const session = await openBusySession(await arena.url(SAMPLE));
  await moreCalls(session);
  const old = await leaderOf(arena);
  const next = ['0', '1', '2'].map((each) => `${SAMPLE}-${each}`).find((each) => each !== old);
  await arena.mcp(`promote ${SAMPLE} ${next}`);
  await eventually('the promoted one to lead', async () => {
    return (await arena.get(SAMPLE)).status?.leader === next;
  });
  await whole(arena);
  const seen = await arena.mcp(`status ${SAMPLE}`);
  assert.match(seen, /^Leads +everything-\d in term \d+ for \d+\w$/m);
  assert.match(seen, /^everything-2 +\w+ +Voter +yes +Alive +\d+ +\d+ +\S+ +\S+ +\S+ /m);
  assert.match(seen, /^Last command: promote everything \S+ by \S+ at /m);
  assert.match(await arena.mcp(`logs ${SAMPLE} -c sidecar --tail 1`), /^\[everything-0\] \{/m);
  await assertReport(arena, session.id);
  await assertSurvived(session, Infinity);
});

/** What helps is in it; a secret and the whole id of a live session are not. */
async function assertReport(arena: Arena, sessionId: string): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), 'report-'));
  const folder = join(parent, 'report');
  await arena.mcp(`report ${SAMPLE} --out ${folder}`);
  const read = async (path: string): Promise<string> => readFile(join(folder, path), 'utf8');
  assert.match(await read(`logs/${SAMPLE}-0-sidecar.log`), /"msg":/);
  assert.match(await read('events.yaml'), /reason: LeaderElected/);
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const texts = await Promise.all(
    files
      .filter((file) => file.isFile())
      .map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')),
  );
  await rm(parent, { recursive: true });
  const all = texts.join('\n');
  assert.ok(!all.includes(sessionId), 'a reader could go on with the session');
  const { items } = await arena.client.list(RESOURCES.secrets);
  const authority = items.find(({ metadata }) => metadata.name === `${SAMPLE}-ca`);
  assert.ok(Object.hasOwn(authority?.['data'] ?? {}, 'ca.key'), 'the key that must not be in it');
  for (const { metadata, ...secret } of items) {
    for (const [key, value] of Object.entries((secret['data'] ?? {}) as Record<string, string>)) {
      for (const text of shownAs(key, value)) {
        assert.ok(!all.includes(text), `${key} of the Secret ${metadata.name}`);
      }
    }
  }
  assert.doesNotMatch(all, /PRIVATE KEY|\beyJ[\w-]{8,}\.[\w-]{8,}\./, 'keys and tokens');
}

/** How data of a Secret could stand in a text: as it is, as its lines when it is a key, and in base64. Certificates are public. */
function shownAs(key: string, value: string): readonly string[] {
  const text = Buffer.from(value, 'base64').toString();
  const lines = text.split('\n').filter((line) => line.length >= 16 && !line.startsWith('---'));
  return key.endsWith('.crt') ? [value] : [value, ...lines];
}

async function waitsForApproval(arena: Arena): Promise<boolean> {
  const { conditions = [] } = (await arena.get(SAMPLE)).status ?? {};
  return conditions.some(({ reason }) => reason === 'WaitingForApproval');
}

/** On the real control plane the upgrade replaces every pod twice. */
const embeddedUpdate: Scenario = { ...update, only: 'embedded' };

export const lifeCycleScenarios = [fence, embeddedUpdate, sleep, people];
