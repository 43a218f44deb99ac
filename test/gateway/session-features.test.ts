/**
 * Every feature of the era with sessions, by the official client and the official server-everything: each request of a client
 * goes to another pod than the one before, and where that means something its owner dies on the way.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { connect, echo, type Connected, type ConnectOptions } from './client.ts';
import { startEverything, type ServerProcess } from './everything.ts';
import { startWorld, type Pod, type World } from './world.ts';

let servers: ServerProcess[] = [];
let world: World;
/** Pods that the next client is sent to in turn. */
let alive: Pod[] = [];
let turn = 0;
const anyPod = (): URL => (alive[turn++ % alive.length] ?? world.pod(0)).url;

before(async () => {
  servers = await Promise.all([0, 1, 2].map(() => startEverything()));
});
beforeEach(async () => {
  world = await startWorld({ backends: servers.map((server) => server.port) });
  alive = [0, 1, 2].map((index) => world.pod(index));
});
afterEach(async () => {
  await world.stop();
});
after(async () => {
  await Promise.all(servers.map((server) => server.kill()));
});

/** A client that knows everything a server may ask. */
function open(prepare: (client: Client) => void = () => undefined): Promise<Connected> {
  const options: ConnectOptions = {
    capabilities: { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } },
    through: anyPod,
    prepare(client) {
      client.setRequestHandler(CreateMessageRequestSchema, async ({ params }) => ({
        role: 'assistant',
        model: 'm',
        content: { type: 'text', text: `sampled ${JSON.stringify(params.messages).length > 0}` },
      }));
      client.setRequestHandler(ElicitRequestSchema, async () => ({
        action: 'accept',
        content: { name: 'Ada', check: true },
      }));
      client.setRequestHandler(ListRootsRequestSchema, async () => ({
        roots: [{ uri: 'file:///ours', name: 'ours' }],
      }));
      prepare(client);
    },
  };
  return connect(anyPod(), options);
}
/** Not waited for: what dies waits for nobody, either. */
function die(pod: Pod): void {
  alive = alive.filter((other) => other !== pod);
  void pod.kill();
  pod.belief.state = 'gone';
  world.announce();
}
const textOf = (answer: unknown): string => JSON.stringify(answer);

test(verifies('gateway.server-requests'), async () => {
  const { client, sessionId } = await open();
  const ask = async (): Promise<void> => {
    const sample = { name: 'trigger-sampling-request', arguments: { prompt: 'p', maxTokens: 5 } };
    assert.match(textOf(await client.callTool(sample)), /sampled true/);
    const elicited = await client.callTool({ name: 'trigger-elicitation-request', arguments: {} });
    assert.match(textOf(elicited), /Ada/);
    const roots = await client.callTool({ name: 'get-roots-list', arguments: {} });
    assert.match(textOf(roots), /file:\/\/\/ours/);
    await client.ping();
  };
  await ask();
  await ask();
  die(await world.ownerOf(sessionId));
  // A new server, which counts its requests from 0 again.
  await ask();
  await client.sendRootsListChanged();
  die(await world.ownerOf(sessionId));
  await ask();
  await client.close();
});

test('a request of the server that waits for the client when the owner dies: an error at once', async () => {
  let asked = 0;
  let release: () => void = () => undefined;
  const { client, sessionId } = await open((each) => {
    each.setRequestHandler(ElicitRequestSchema, async () => {
      asked += 1;
      await new Promise<void>((resolve) => (release = resolve));
      return { action: 'accept', content: {} };
    });
  });
  const call = client.callTool({ name: 'trigger-elicitation-request', arguments: {} });
  call.catch(() => undefined);
  await eventually('the user is asked', () => asked === 1);
  const diedAt = performance.now();
  die(await world.ownerOf(sessionId));
  await assert.rejects(call, /lost/);
  assert.ok(performance.now() - diedAt < 1_000, `after ${performance.now() - diedAt} ms`);
  // The user answers late; nobody waits for it any more, and nothing is wrong with the session.
  release();
  assert.equal(await echo(client, 'well'), 'Echo: well');
  await client.close();
});

test('log level, subscriptions and progress after a death', async () => {
  const logged: string[] = [];
  const updated: string[] = [];
  const { client, sessionId } = await open((each) => {
    each.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      logged.push(params.level);
    });
    each.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
      updated.push(params.uri);
    });
  });
  const uri = 'demo://resource/static/document/architecture.md';
  await client.setLoggingLevel('emergency');
  await client.subscribeResource({ uri });
  await client.listTools();
  die(await world.ownerOf(sessionId));
  assert.equal(await echo(client, 'moved'), 'Echo: moved');
  await eventually('the update that may have been missed', () => updated.includes(uri));
  updated.length = 0;
  await client.callTool({ name: 'toggle-subscriber-updates', arguments: {} });
  await eventually('an update by the new server', () => updated.includes(uri));
  await client.callTool({ name: 'toggle-simulated-logging', arguments: {} });
  const progress: number[] = [];
  const long = { name: 'trigger-long-running-operation', arguments: { duration: 0.6, steps: 3 } };
  await client.callTool(long, undefined, { onprogress: (step) => progress.push(step.progress) });
  assert.deepEqual(progress, [1, 2, 3]);
  assert.deepEqual(
    logged.filter((level) => level !== 'emergency'),
    [],
  );
  await client.unsubscribeResource({ uri });
  await client.close();
});

test('a cancelled request ends at the server, through whichever pod the cancel came', async () => {
  const { client } = await open();
  const cancel = new AbortController();
  const progress: number[] = [];
  const long = { name: 'trigger-long-running-operation', arguments: { duration: 60, steps: 600 } };
  const call = client.callTool(long, undefined, {
    signal: cancel.signal,
    onprogress: (step) => progress.push(step.progress),
  });
  await eventually('some progress', () => progress.length > 0);
  cancel.abort('enough');
  await assert.rejects(call, /enough/);
  assert.equal(await echo(client, 'goes on'), 'Echo: goes on');
  await client.close();
});

test(verifies('gateway.tasks'), async () => {
  const { client, sessionId } = await open();
  const begin = async (): Promise<string> => {
    const stream = client.experimental.tasks.callToolStream(
      { name: 'simulate-research-query', arguments: { topic: 'pods' } },
      undefined,
      { task: { ttl: 60_000 } },
    );
    for await (const message of stream)
      if (message.type === 'taskCreated') return message.task.taskId;
    throw new Error('no task');
  };
  const first = await begin();
  const { tasks } = client.experimental;
  assert.equal((await tasks.getTask(first)).taskId, first);
  const owner = await world.ownerOf(sessionId);
  // The session moves, the pod with the task lives: as after a partition that healed.
  owner.belief.state = 'gone';
  owner.belief.leaseValid = false;
  world.announce();
  alive = alive.filter((pod) => pod !== owner);
  assert.equal(await echo(client, 'moved'), 'Echo: moved');
  assert.notEqual(await world.ownerOf(sessionId), owner);
  owner.belief.state = 'alive';
  owner.belief.leaseValid = true;
  world.announce();
  const second = await begin();
  assert.equal((await tasks.getTask(first)).taskId, first);
  assert.equal((await tasks.getTask(second)).taskId, second);
  const listed = (await tasks.listTasks()).tasks.map(({ taskId }) => taskId);
  assert.deepEqual([listed.includes(first), listed.includes(second)], [true, true]);
  assert.equal((await tasks.cancelTask(second)).status, 'cancelled');
  assert.match(textOf(await tasks.getTaskResult(first, CallToolResultSchema)), /related-task/);
  die(owner);
  await assert.rejects(tasks.getTask(first), { code: -32602 });
  await assert.rejects(tasks.cancelTask(second), { code: -32602 });
  await client.close();
});
