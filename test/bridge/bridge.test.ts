/** Real stdio servers behind the bridge, with the official client and with bare HTTP. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  CreateMessageRequestSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { eventually } from '../eventually.ts';
import { connect, echo } from '../gateway/client.ts';
import { verifies } from '../requirements.ts';
import { SERVERS, startBridge } from './world.ts';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'bridge-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

/** A POST of one message or text; the answer must be JSON, or nothing. */
async function post(
  url: URL,
  body: object | string,
  headers: Record<string, string> = {},
): Promise<{
  readonly status: number;
  readonly headers: Headers;
  readonly error: { readonly code: number; readonly message: string };
}> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...HEADERS, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify({ jsonrpc: '2.0', ...body }),
  });
  const text = await response.text();
  const { error } = (text === '' ? {} : JSON.parse(text)) as { error: never };
  return { status: response.status, headers: response.headers, error };
}

const INITIALIZE = {
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'bare', version: '1' },
  },
};

/** A server of a few lines of its own, for what no real one does. */
const script = (source: string): string[] => [process.execPath, '-e', source];
const ANSWERS_INITIALIZE = `
  const say = (message) => console.log(JSON.stringify({ jsonrpc: '2.0', ...message }));
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, method } = JSON.parse(line);
    if (method === 'initialize') say({ id, result: { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 's', version: '1' } } });
    else if (id !== undefined) onRequest(id, method);
  });`;

test(verifies('bridge.stdio-server-over-http'), async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'hello.txt'), 'from a file');
  const files = await startBridge(t, SERVERS.filesystem(folder));
  const { client } = await connect(files.url);
  const read = await client.callTool({
    name: 'read_text_file',
    arguments: { path: join(folder, 'hello.txt') },
  });
  assert.match(JSON.stringify(read.content), /from a file/);
  await client.close();

  const memory = await startBridge(t, SERVERS.memory);
  const [one, two] = [await connect(memory.url), await connect(memory.url)];
  assert.equal(memory.children().length, 2, 'a process for each session');
  for (const { client: each } of [one, two]) {
    const { tools } = await each.listTools();
    assert.ok(tools.some(({ name }) => name === 'create_entities'));
  }
  await one.transport.terminateSession();
  await eventually('the process of the ended session to go', () => memory.children().length === 1);
  assert.ok((await two.client.listTools()).tools.length > 0, 'the other goes on');
  await two.client.close();
});

test(verifies('bridge.asks-the-client'), async (t) => {
  const bridge = await startBridge(t, SERVERS.everything);
  const progress: number[] = [];
  const { client } = await connect(bridge.url, {
    capabilities: { sampling: {} },
    prepare: (each) =>
      each.setRequestHandler(CreateMessageRequestSchema, async () => ({
        model: 'test',
        role: 'assistant',
        content: { type: 'text', text: 'sampled by the test' },
      })),
  });
  const tool = (await client.listTools()).tools.find(({ name }) => name.includes('sampling'));
  const sampled = await client.callTool({
    name: tool?.name ?? '',
    arguments: { prompt: 'hello', maxTokens: 10 },
  });
  assert.match(JSON.stringify(sampled.content), /sampled by the test/);
  await client.callTool(
    { name: 'trigger-long-running-operation', arguments: { duration: 0.3, steps: 3 } },
    undefined,
    { onprogress: ({ progress: at }) => void progress.push(at) },
  );
  assert.deepEqual(progress, [1, 2, 3]);
  await client.close();
});

test(verifies('bridge.a-crash-is-a-lost-session'), async (t) => {
  const bridge = await startBridge(t, SERVERS.everything);
  const one = await connect(bridge.url);
  const [child] = bridge.children();
  const two = await connect(bridge.url);
  const call = one.client.callTool({
    name: 'trigger-long-running-operation',
    arguments: { duration: 60, steps: 1 },
  });
  const broken = assert.rejects(call);
  process.kill(child as number, 'SIGKILL');
  await broken;
  const { status, error } = await post(
    bridge.url,
    { id: 2, method: 'ping' },
    { 'mcp-session-id': one.sessionId },
  );
  assert.deepEqual([status, error.code], [404, -32001]);
  assert.equal(await echo(two.client, 'still here'), 'Echo: still here');
  await two.client.close();

  const dying = await startBridge(t, script(`console.error('no licence found'); process.exit(3)`));
  const start = await post(dying.url, INITIALIZE);
  assert.equal(start.status, 503);
  assert.match(start.error.message, /exit code 3.*no licence found/);
  assert.equal(start.headers.get('retry-after'), '1');
  const missing = await startBridge(t, ['/no/such/server']);
  assert.match((await post(missing.url, INITIALIZE)).error.message, /cannot be started.*ENOENT/);
});

test(verifies('bridge.processes-are-limited'), async (t) => {
  const limits = { childrenMax: 1, idleTimeoutMs: 1_000 };
  const bridge = await startBridge(t, SERVERS.memory, { limits });
  assert.equal((await post(bridge.url, INITIALIZE)).status, 200);
  const second = await post(bridge.url, INITIALIZE);
  assert.deepEqual([second.status, second.error.code], [503, -31070]);
  assert.equal(second.headers.get('retry-after'), '1');
  await eventually('the silent process to be ended', () => bridge.children().length === 0);
  assert.equal((await post(bridge.url, INITIALIZE)).status, 200);
});

test(verifies('bridge.ends-with-its-processes'), async (t) => {
  const stubborn = script(
    `process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1e6);
    const onRequest = () => undefined; ${ANSWERS_INITIALIZE}`,
  );
  const bridge = await startBridge(t, stubborn);
  assert.equal((await post(bridge.url, INITIALIZE)).status, 200);
  assert.equal(bridge.children().length, 1);
  await bridge.stop();
  assert.equal(bridge.children().length, 0);
});

test(verifies('bridge.shared-process'), async (t) => {
  const bridge = await startBridge(t, SERVERS.everything, { mode: 'Shared' });
  const sessions = await Promise.all([connect(bridge.url), connect(bridge.url)]);
  assert.equal(bridge.children().length, 1);
  const seen = await Promise.all(
    sessions.map(async ({ client }, i) => {
      const progress: number[] = [];
      const steps = 2 + i;
      await client.callTool(
        { name: 'trigger-long-running-operation', arguments: { duration: 0.3, steps } },
        undefined,
        { onprogress: ({ progress: at }) => void progress.push(at) },
      );
      return [progress.length, await echo(client, `number ${i}`)];
    }),
  );
  assert.deepEqual(seen, [
    [2, 'Echo: number 0'],
    [3, 'Echo: number 1'],
  ]);

  const [one, two] = sessions.map(() => [] as string[]) as [string[], string[]];
  for (const [i, { client }] of sessions.entries()) {
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
      (i === 0 ? one : two).push(params.uri);
    });
  }
  const [{ client: first }, { client: second }] = sessions;
  const uri = 'demo://resource/dynamic/text/1';
  await first.subscribeResource({ uri });
  const toggle = (await first.listTools()).tools.find(({ name }) => name.includes('subscriber'));
  await first.callTool({ name: toggle?.name ?? '', arguments: {} });
  await eventually('an update for who subscribed', () => one.includes(uri), 20_000);
  assert.deepEqual(two, [], 'and for nobody else');
  process.kill(bridge.children()[0] as number, 'SIGKILL');
  await eventually('both sessions to be lost', async () => {
    const headers = sessions.map(({ sessionId }) => ({ 'mcp-session-id': sessionId }));
    const answers = await Promise.all(
      headers.map((each) => post(bridge.url, { id: 9, method: 'ping' }, each)),
    );
    return answers.every(({ status }) => status === 404);
  });
  assert.equal(await echo((await connect(bridge.url)).client, 'anew'), 'Echo: anew');
  await Promise.all([first.close(), second.close()]);
});

test(verifies('bridge.bad-input'), async (t) => {
  const chatty = script(
    `console.log('Server ready!'); console.log('{"jsonrpc":"2.0"}'); console.log('[1]');
    const onRequest = (id) => { console.log('not json'); say({ id: 'nobody', result: {} }); say({ id, result: {} }); };
    ${ANSWERS_INITIALIZE}`,
  );
  const bridge = await startBridge(t, chatty);
  const { status, headers } = await post(bridge.url, INITIALIZE);
  assert.equal(status, 200);
  const session = { 'mcp-session-id': headers.get('mcp-session-id') ?? '' };
  assert.equal((await post(bridge.url, { id: 2, method: 'ping' }, session)).status, 200);

  const ping = { id: 1, method: 'ping' };
  const modern = { ...session, 'mcp-protocol-version': '2026-07-28' };
  const cases: [string, Parameters<typeof post>, number, number][] = [
    ['no JSON', [bridge.url, '{', session], 400, -32700],
    ['no JSON-RPC', [bridge.url, '{"a":1}', session], 400, -32600],
    ['no session', [bridge.url, ping], 400, -32000],
    ['unknown session', [bridge.url, ping, { 'mcp-session-id': 'x' }], 404, -32001],
    [
      'a version nobody knows',
      [bridge.url, ping, { ...session, 'mcp-protocol-version': '1999-01-01' }],
      400,
      -32000,
    ],
    ['the stateless era', [bridge.url, ping, modern], 400, -32000],
    ['another path', [new URL('/other', bridge.url), ping, session], 404, -32000],
    ['too large', [bridge.url, `"${'x'.repeat(5_000_000)}"`, session], 413, -32000],
  ];
  for (const [name, request, wanted, code] of cases) {
    const answer = await post(...request);
    assert.deepEqual([answer.status, answer.error.code], [wanted, code], name);
  }
  const get = await fetch(bridge.url, { headers: { accept: 'application/json', ...session } });
  assert.equal(get.status, 406);
  const put = await fetch(bridge.url, { method: 'PUT', headers: session });
  assert.equal(put.status, 405);
  assert.equal((await post(bridge.url, { id: 3, method: 'ping' }, session)).status, 200);
});
