/** Which era the servers behind the gateway speak, and what clients of the other era are told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eraOf } from '../../src/gateway/backend-era.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { INITIALIZE, messagesOf, post } from './client.ts';
import { startEverything } from './everything.ts';
import { sendResult, startModernStub } from './modern-stub.ts';
import { call, connectSprayed, open, tool, VERSION } from './modern-world.ts';
import { startStub } from './stub-server.ts';
import { startWorld } from './world.ts';

test(verifies('modern.fallback'), async (t) => {
  const servers = await Promise.all([startEverything(), startEverything()]);
  t.after(() => Promise.all(servers.map((server) => server.kill())));
  const world = await startWorld({ backends: servers.map(({ port }) => port) });
  t.after(() => world.stop());
  const client = await connectSprayed(t, () => [world.pod(0).url, world.pod(1).url]);
  assert.equal(client.getProtocolEra(), 'legacy');
  const answer = await client.callTool({ name: 'echo', arguments: { message: 'hello' } });
  assert.match(JSON.stringify(answer.content), /hello/);
  // The code is none that belongs to the stateless era: those would keep the client there.
  const probe = await call(world.pod(0).url, 'server/discover');
  assert.deepEqual([probe.status, probe.json.error?.code], [400, -32000]);
  const listen = await call(world.pod(0).url, 'subscriptions/listen', { notifications: {} });
  assert.deepEqual([listen.status, listen.json.error?.code], [400, -32000]);
});

test(verifies('modern.own-refusal'), async (t) => {
  const error = {
    code: -32022,
    message: 'only stateless here',
    data: { supported: [VERSION], requested: '2025-11-25' },
  };
  const stub = await startModernStub(t, {
    onRequest({ message, response }) {
      if (message.method !== 'initialize') return false;
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, error }));
      return true;
    },
  });
  const world = await startWorld({ backends: [stub.port] });
  t.after(() => world.stop());
  const answer = await post(world.pod(0).url, INITIALIZE);
  assert.equal(answer.status, 400);
  assert.deepEqual(answer.json.error, error);
});

test(verifies('modern.era-once'), async (t) => {
  const first = await startModernStub(t);
  const world = await startWorld({ backends: [first.port] });
  t.after(() => world.stop());
  const { url, gateway } = world.pod(0);
  for (let index = 0; index < 10; index++) assert.equal((await tool(url, 'safe')).status, 200);
  assert.equal(first.of('server/discover').length, 1);
  // Another program comes up at the same address: sessions only.
  await first.stop();
  await eventually('the server is missed', () => !gateway.backendReady());
  const second = await startStub({ port: first.port });
  t.after(() => second.stop());
  assert.equal((await tool(url, 'safe')).json.error?.code, -32000);
  assert.equal(second.seen.filter((method) => method === 'server/discover').length, 1);
});

test('in a cluster of both, stateless requests and listens find the pods that speak it', async (t) => {
  const modern = await startModernStub(t, {
    onRequest({ message, response }) {
      if (message.method !== 'subscriptions/listen') return false;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const method = 'notifications/subscriptions/acknowledged';
      const params = { notifications: { toolsListChanged: true } };
      response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method, params })}\n\n`);
      return true;
    },
  });
  const legacy = await startStub();
  t.after(() => legacy.stop());
  const world = await startWorld({ backends: [legacy.port, modern.port] });
  t.after(() => world.stop());
  for (let index = 0; index < 5; index++)
    assert.equal((await tool(world.pod(0).url, 'risky')).status, 200);
  assert.equal(modern.of('tools/call').length, 5);
  const wanted = { notifications: { toolsListChanged: true } };
  const stream = await open(world.pod(0).url, 'subscriptions/listen', wanted);
  await eventually('it is acknowledged', () => messagesOf(stream).length === 1);
  stream.close();
});

test('a revision that only the server knows is its own to serve, and to name', async (t) => {
  const LATER = '2099-01-01';
  const supportedVersions = [LATER, VERSION, '2025-11-25'];
  const stub = await startModernStub(t, {
    onRequest(request) {
      if (request.message.method !== 'server/discover') return false;
      sendResult(request, { supportedVersions, capabilities: {} });
      return true;
    },
  });
  const world = await startWorld({ backends: [stub.port] });
  t.after(() => world.stop());
  const ask = (version: string): ReturnType<typeof call> =>
    call(
      world.pod(0).url,
      'tools/list',
      {},
      {
        meta: { 'io.modelcontextprotocol/protocolVersion': version },
        headers: { 'mcp-protocol-version': version },
      },
    );
  assert.equal((await ask(LATER)).status, 200);
  const unknown = await ask('2098-01-01');
  assert.equal(unknown.json.error?.code, -32022);
  assert.deepEqual(unknown.json.error.data['supported'], [LATER, VERSION]);
});

test('a server that says nothing to strangers is asked what the client asks', async (t) => {
  const stub = await startModernStub(t, {
    onRequest({ headers, response }) {
      if (headers.authorization === 'Bearer key') return false;
      response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
      return true;
    },
  });
  const world = await startWorld({ backends: [stub.port] });
  t.after(() => world.stop());
  const { url } = world.pod(0);
  const denied = await call(url, 'server/discover');
  assert.deepEqual([denied.status, denied.headers.get('www-authenticate')], [401, 'Bearer']);
  const allowed = { headers: { authorization: 'Bearer key' } };
  assert.equal((await call(url, 'server/discover', {}, allowed)).status, 200);
  assert.equal((await tool(url, 'safe', {}, allowed)).status, 200);
});

test('what an answer to the probe means', () => {
  const response = (body: object): Parameters<typeof eraOf>[0] => ({
    type: 'answer',
    response: { jsonrpc: '2.0', id: 1, ...body } as never,
  });
  const status = (code: number, body: unknown = ''): Parameters<typeof eraOf>[0] => ({
    type: 'status',
    status: code,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    sessionLost: false,
  });
  const modern = { type: 'modern', versions: [VERSION] };
  const legacy = { type: 'legacy' };
  const unsupported = { code: -32022, message: '', data: { supported: [VERSION] } };
  const cases: [Parameters<typeof eraOf>[0], unknown][] = [
    [response({ result: { supportedVersions: [VERSION] } }), modern],
    [response({ result: {} }), legacy],
    [response({ error: { code: -32601, message: '' } }), legacy],
    [response({ error: unsupported }), modern],
    [status(400, { error: unsupported }), modern],
    [status(400, { error: { code: -32022, message: '' } }), legacy],
    [status(400, { error: { code: -32021, message: '' } }), modern],
    [status(400, { error: { code: -32000, message: 'No valid session ID provided' } }), legacy],
    [status(404, 'not found'), legacy],
    [status(405), legacy],
    [status(401), { type: 'unsaid' }],
    [status(403), { type: 'unsaid' }],
    [status(429), undefined],
    [status(503), undefined],
    [{ type: 'failed', sent: true, detail: '' }, undefined],
  ];
  for (const [outcome, expected] of cases)
    assert.deepEqual(eraOf(outcome), expected, JSON.stringify(outcome));
});
