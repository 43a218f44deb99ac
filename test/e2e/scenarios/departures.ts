/** Pods that somebody else than the operator takes away, under the calls of clients: a deletion, an eviction as of a drain. */
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { connectEcho, type EchoClient } from '../../../src/cli/mcp-client.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { verifies } from '../../requirements.ts';
import type { Arena } from '../arena.ts';
import { NAMESPACE } from '../manifests.ts';
import { scenario } from '../scenario.ts';
import {
  assertSurvived,
  assertUndisturbed,
  moreCalls,
  openSessionAs,
  withMembers,
} from '../sessions.ts';
import { SAMPLE, whole } from './cluster.ts';
import { evictionOf, evictionPath, leaderOf, podUids, replaced } from './life-cycle.ts';

/** A client whose server may ask it; `ask` is a call that lasts until `answer`, and that nobody may repeat. */
interface AskedClient extends EchoClient {
  ask(): Promise<string>;
  /** Resolves when the server has asked. */
  readonly asked: Promise<void>;
  answer(): void;
}

async function connectAsked(url: string): Promise<AskedClient> {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const client = new Client(
    { name: 'departures', version: '1.0.0' },
    { capabilities: { sampling: {} } },
  );
  client.setRequestHandler(CreateMessageRequestSchema, async () => {
    asked.resolve();
    await answer.promise;
    return { model: 'none', role: 'assistant', content: { type: 'text', text: 'at last' } };
  });
  return {
    ...(await connectEcho(url, client)),
    asked: asked.promise,
    answer: answer.resolve,
    async ask() {
      const name = 'trigger-sampling-request';
      return JSON.stringify(await client.callTool({ name, arguments: { prompt: 'well?' } }));
    },
  };
}

/** `takeAway` names the owner of a session whose calls go on all the time; one of them began before, and ends only afterwards. */
async function leave(
  arena: Arena,
  isWanted: (pod: string) => boolean,
  takeAway: (pod: string) => Promise<unknown>,
): Promise<void> {
  await whole(arena);
  const url = await arena.url(SAMPLE);
  const { session, owner } = await withMembers(arena, SAMPLE, (members) =>
    openSessionAs(() => connectAsked(url), members, isWanted),
  );
  await moreCalls(session);
  const before = await podUids(arena);
  const lasting = session.client.ask();
  // It is looked at when it has been answered.
  lasting.catch(() => undefined);
  await session.client.asked;
  const takenAt = Date.now();
  await takeAway(owner);
  // While it leaves, each of them is held back for two seconds, so that the session may come to rest.
  await moreCalls(session, 2);
  session.client.answer();
  assert.match(await lasting, /at last/);
  await replaced(arena, before);
  await moreCalls(session);
  console.log(await assertSurvived(session, takenAt));
  assertUndisturbed(session);
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
    (name) => arena.client.raw('POST', evictionPath(name), { body: evictionOf(name) }),
  );
});

export const departureScenarios = [deletion, eviction];
