/** What is told of a request that died with its pod: at once, without an agreement, and without a session that has moved. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createKnownTools } from '../../src/gateway/known-tools.ts';
import { createPeerClient } from '../../src/gateway/peer/peer-client.ts';
import type { SessionRecord } from '../../src/gateway/ports.ts';
import { listen, systemClock } from '../../src/host/index.ts';
import { parseBody } from '../../src/mcp/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import {
  lastEventId,
  lastMessage,
  messagesOf,
  openRaw,
  openStream,
  post,
  POST_HEADERS,
  type RawStream,
} from './client.ts';
import { startCutLink, type CutLink } from './cut-link.ts';
import { beginStream, type StubCall, type StubOptions, type StubServer } from './stub-server.ts';
import { scene } from './stub-world.ts';
import { makeTls, type World } from './world.ts';

/** Nothing that asks the store would be done within the time of a test. */
const PATIENT = { timing: { commitMs: 60_000 } };
const LIST = { jsonrpc: '2.0', id: 'list', method: 'tools/list' };
const TOOLS = [{ name: 'read', annotations: { readOnlyHint: true } }, { name: 'write' }];
const call = (name: string): object => ({
  jsonrpc: '2.0',
  id: name,
  method: 'tools/call',
  params: { name },
});

/** Lists its tools, and leaves calls to `onCall`. */
const serving = (onCall: (call: StubCall) => boolean): StubOptions => ({
  onCall(given) {
    const { message, response } = given;
    if (message.method === 'tools/call') return onCall(given);
    if (message.method !== 'tools/list') return false;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { tools: TOOLS } }));
    return true;
  },
});
/** A call that has begun a stream, and says no more. */
const begins = serving(({ response }) => {
  beginStream(response)('1', { jsonrpc: '2.0', method: 'notifications/message', params: {} });
  return true;
});
const silent = serving(() => true);
const answers = serving(() => false);

interface Mortal {
  readonly world: World;
  readonly stubs: readonly StubServer[];
  /** Ends pod 0 as if its process were killed, while the cluster has no leader. */
  die(): Promise<void>;
}

async function mortal(t: TestContext, servers: readonly StubOptions[]): Promise<Mortal> {
  const links = new Map<string, CutLink>();
  const { world, stubs } = await scene(t, servers, {
    config: PATIENT,
    async peerThrough(node, peer) {
      const link = await startCutLink(peer.host, peer.port);
      t.after(() => link.stop());
      links.set(node, link);
      return { ...peer, port: link.port };
    },
  });
  return {
    world,
    stubs,
    async die() {
      world.log.elect(undefined);
      links.get('pod-0')?.stop();
      await world.pod(0).kill();
    },
  };
}

type Session = Awaited<ReturnType<typeof openRaw>>;

/** A session of pod 0 of which every pod knows. */
async function sessionOf(world: World, lists: boolean): Promise<Session> {
  const { url } = world.pod(0);
  const pods = [world.pod(1), world.pod(2)];
  const say = (told: { ready?: boolean }): void => {
    for (const { belief } of pods) belief.told = told;
    world.announce();
  };
  say({ ready: false });
  const headers = await openRaw(url);
  say({});
  if (lists) await post(url, LIST, headers);
  await eventually('the record is everywhere', () =>
    pods.every(({ sessions }) => {
      const record = sessions.directory.local(headers['mcp-session-id']);
      return record?.initialized === true && (!lists || record.repeatableTools.length > 0);
    }),
  );
  return headers;
}

const write = (url: URL, headers: Session): Promise<RawStream> =>
  openStream(url, {
    method: 'POST',
    headers: { ...POST_HEADERS, ...headers },
    body: JSON.stringify(call('write')),
  });
const resume = (url: URL, headers: Session, from: RawStream): Promise<RawStream> =>
  openStream(url, {
    headers: { accept: 'text/event-stream', ...headers, 'last-event-id': lastEventId(from) },
  });
const hasBegun = (stream: RawStream): boolean => messagesOf(stream).length > 0;
const seenBy = (stub: StubServer | undefined) => (): boolean =>
  stub?.seen.includes('tools/call') === true;

test(verifies('gateway.lost-at-once'), async (t) => {
  const { world, stubs, die } = await mortal(t, [begins, answers, answers]);
  const headers = await sessionOf(world, true);
  const stream = await write(world.pod(1).url, headers);
  await eventually('it has begun', () => hasBegun(stream));
  await die();
  await stream.ended;
  assert.equal(lastMessage(stream).error.code, -31001);
  // Nobody has agreed on anything: the session is still the dead pod's.
  const asked = [stubs[1], stubs[2]].flatMap((stub) => stub?.seen ?? []);
  assert.ok(!asked.includes('initialize'), 'the session has not moved');
});

test('a call without a stream is told to be lost before the store says who owns its session', async (t) => {
  const { world, stubs, die } = await mortal(t, [silent, answers, answers]);
  const headers = await sessionOf(world, true);
  const running = post(world.pod(1).url, call('write'), headers);
  await eventually('the server works', seenBy(stubs[0]));
  await die();
  assert.equal((await running).json.error?.code, -31001);
});

test('a client that comes back for a stream hears at once that there will be no more of it', async (t) => {
  const { world, die } = await mortal(t, [begins, answers, answers]);
  const headers = await sessionOf(world, true);
  const first = await write(world.pod(0).url, headers);
  await eventually('it has begun', () => hasBegun(first));
  const copies = (): number => world.pod(1).sessions.held.size + world.pod(2).sessions.held.size;
  await eventually('another pod has copies', () => copies() > 0);
  await die();
  const resumed = await resume(world.pod(1).url, headers, first);
  await resumed.ended;
  const { id, error } = lastMessage(resumed);
  assert.deepEqual([id, error.code], ['write', -31001]);
  // Whoever asks again is told that this was all.
  assert.equal((await resume(world.pod(2).url, headers, resumed)).status, 204);
});

test(verifies('gateway.tools-of-others'), async (t) => {
  const { world, stubs, die } = await mortal(t, [silent, answers, answers]);
  const headers = await sessionOf(world, false);
  await sessionOf(world, true);
  const { url } = world.pod(1);
  const written = post(url, call('write'), headers);
  const read = post(url, call('read'), headers);
  const calls = (): number =>
    stubs[0]?.seen.filter((method) => method === 'tools/call').length ?? 0;
  await eventually('the server works on both', () => calls() === 2);
  await die();
  assert.equal((await written).json.error?.code, -31001);
  world.log.elect('pod-1');
  assert.deepEqual((await read).json.result, { method: 'tools/call' });
  const asked = [stubs[1], stubs[2]].flatMap((stub) => stub?.seen ?? []);
  assert.ok(!asked.includes('tools/list'), 'no server had to be asked');
});

test('who finds out too late what a tool is like has lost the call', async (t) => {
  const mute: StubOptions = { onCall: ({ message }) => message.method === 'tools/list' };
  const { world, stubs, die } = await mortal(t, [silent, mute, mute]);
  const headers = await sessionOf(world, false);
  const running = post(world.pod(1).url, call('read'), headers);
  await eventually('the server works', seenBy(stubs[0]));
  await die();
  world.log.elect('pod-1');
  assert.equal((await running).json.error?.code, -31001);
});

test('what one list allows and another does not, only a server can say', () => {
  const body = parseBody(JSON.stringify(call('read')));
  assert.ok(body.ok);
  const record = (principal: string, digest: string | undefined, tools: string[]): SessionRecord =>
    ({
      principal,
      repeatableTools: tools,
      ...(digest === undefined ? {} : { listDigests: { 'tools/list': digest } }),
    }) as unknown as SessionRecord;
  const asked = record('ann', undefined, []);
  const verdict = (...records: SessionRecord[]): boolean | undefined =>
    createKnownTools({ directory: { list: () => records }, clock: systemClock }).mayRepeat(
      body.value,
      asked,
    );
  assert.equal(verdict(), undefined);
  assert.equal(verdict(record('ann', 'a', ['read'])), true);
  assert.equal(verdict(record('ann', 'a', ['read']), record('ann', 'b', [])), undefined);
  assert.equal(verdict(record('ann', 'b', [])), false);
  assert.equal(verdict(record('bob', 'a', ['read'])), undefined, "another's list may be another");
});

test('a request whose connection never came about was not sent', async (t) => {
  const mute = createServer((socket) => t.after(() => socket.destroy()));
  const { port } = await listen(mute, { host: '127.0.0.1', port: 0 });
  t.after(() => mute.close());
  const peers = createPeerClient({
    tls: { source: await makeTls('c'), isPeer: () => true },
    ...{ connectMs: 60_000, eventCharsMax: 1_000, clock: systemClock },
  });
  t.after(() => peers.stop());
  const peer = { host: '127.0.0.1', port, serverName: 'pod.test' };
  const member = { node: 'pod-1', instance: '1', ready: true, load: 0, peer };
  const gone = new AbortController();
  const request = { op: 'post', sessionId: 's', epoch: 1, headers: {}, body: '{}' } as const;
  const asking = peers.ask(member, request, gone.signal);
  await once(mute, 'connection');
  gone.abort(new Error('the pod is gone'));
  const reply = await asking;
  assert.ok(reply.type === 'refused');
  assert.deepEqual([reply.code, reply.sent], ['unreachable', false]);
});
