/** Stateless requests (2026-07-28) through several pods: any pod, the wire, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '@modelcontextprotocol/client';
import { required } from '../../src/std/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { messagesOf, post, raw } from './client.ts';
import { beginEvents, sendResult, startModernStub } from './modern-stub.ts';
import { call, connectSprayed, modern, open, startModern, tool, VERSION } from './modern-world.ts';
import { startWorld } from './world.ts';

const textOf = (answer: unknown): string =>
  (answer as { content: { text: string }[] }).content[0]?.text ?? '';

for (const mode of ['auto', { pin: VERSION }] as const) {
  test(`${verifies('modern.any-pod')} (${JSON.stringify(mode)})`, async (t) => {
    const { urls } = await startModern(t, 3);
    const answer = (): object => ({ action: 'accept', content: { name: 'Ada' } });
    const prepare = (each: Client): void =>
      each.setRequestHandler('elicitation/create', answer as never);
    const client = await connectSprayed(t, () => urls, prepare, mode);
    assert.equal(client.getProtocolEra(), 'modern');
    const seen = new Set<string>();
    for (let index = 0; index < 9; index++)
      seen.add(textOf(await client.callTool({ name: 'process_id', arguments: {} })));
    assert.equal(seen.size, 3);
    // Two rounds: the question and the sealed state come from one pod, the answer goes to another.
    const name = 'test_input_required_result_elicitation';
    assert.match(textOf(await client.callTool({ name, arguments: {} })), /Ada/);
  });
}

test(verifies('modern.wire'), async (t) => {
  const { urls } = await startModern(t, 2);
  const [url] = urls as [URL];
  const discover = await call(url, 'server/discover');
  assert.equal(discover.status, 200);
  assert.equal(discover.headers.get('mcp-session-id'), null);
  const stream = await open(
    url,
    'tools/call',
    { name: 'lasting_read', arguments: { what: 'x', steps: 3, stepMs: 5 } },
    { meta: { progressToken: 'p' } },
  );
  await stream.ended;
  const progress = 'notifications/progress';
  assert.deepEqual(
    messagesOf(stream).map(({ method }) => method),
    [progress, progress, progress, undefined],
  );
  assert.ok(stream.items.every((item) => !('id' in item) && item.type !== 'retry'));
});

test(verifies('modern.refusals'), async (t) => {
  const { urls } = await startModern(t, 1);
  const [url] = urls as [URL];
  const { message, headers } = modern('tools/list');
  const refusal = async (
    body: unknown,
    sent: Record<string, string | undefined>,
  ): Promise<[number, number | undefined, unknown]> => {
    const answer = await post(url, body, sent);
    return [answer.status, answer.json.error?.code, answer.json.id];
  };
  const cases: [unknown, Record<string, string | undefined>, unknown][] = [
    [message, { ...headers, 'mcp-method': undefined }, [400, -32020, 1]],
    [message, { ...headers, 'mcp-method': 'tools/call' }, [400, -32020, 1]],
    [message, { ...headers, 'mcp-protocol-version': undefined }, [400, -32020, 1]],
    [message, { ...headers, 'mcp-protocol-version': '2025-11-25' }, [400, -32020, 1]],
    [{ jsonrpc: '2.0', id: 1, method: 'tools/list' }, headers, [400, -32602, 1]],
    [[message], headers, [400, -32600, 1]],
    ['{', headers, [400, -32700, null]],
    [message, { ...headers, 'content-type': 'text/plain' }, [415, -32000, null]],
  ];
  for (const method of [
    'ping',
    'logging/setLevel',
    'resources/subscribe',
    'initialize',
    'nobody/knows',
  ]) {
    const removed = modern(method);
    cases.push([removed.message, removed.headers, [404, -32601, 1]]);
  }
  for (const [body, sent, expected] of cases)
    assert.deepEqual(await refusal(body, sent), expected, JSON.stringify([body, sent]));
  for (const method of ['GET', 'DELETE']) {
    const answer = await raw(url, {
      method,
      headers: { accept: 'text/event-stream', 'mcp-protocol-version': VERSION },
    });
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.get('allow'), 'POST');
  }
  const future = modern(
    'tools/list',
    {},
    {
      meta: { 'io.modelcontextprotocol/protocolVersion': '2099-01-01' },
      headers: { 'mcp-protocol-version': '2099-01-01' },
    },
  );
  const answer = await post(url, future.message, future.headers);
  assert.equal(answer.status, 400);
  assert.equal(answer.json.error?.code, -32022);
  assert.deepEqual(answer.json.error.data, { supported: [VERSION], requested: '2099-01-01' });
});

test("arguments in headers are held against the server's own schema, the latest one", async (t) => {
  let type = 'string';
  const region = (): object => ({ region: { type, 'x-mcp-header': 'Region' } });
  const stub = await startModernStub(t, {
    onRequest(request) {
      if (request.message.method !== 'tools/list') return false;
      const inputSchema = { type: 'object', properties: type === 'none' ? {} : region() };
      sendResult(request, { tools: [{ name: 'sell', inputSchema }] });
      return true;
    },
  });
  const world = await startWorld({ backends: [stub.port] });
  t.after(() => world.stop());
  const { url } = world.pod(0);
  await eventually('the gateway read the tools', () => stub.of('tools/list').length > 0);
  const sell = (header?: string): Promise<number> =>
    tool(url, 'sell', { region: 'eu' }, { headers: { 'mcp-param-region': header } }).then(
      ({ json, status }) => json.error?.code ?? status,
    );
  assert.equal(await sell('eu'), 200);
  assert.equal(await sell('us'), -32020);
  assert.equal(await sell(), -32020);
  // The server changed its mind; a second later the gateway asks before it refuses.
  type = 'none';
  await eventually('the new schema counts', async () => (await sell('us')) === 200);
  assert.ok(stub.of('tools/list').length >= 2);
});

test(verifies('modern.json-if-single'), async (t) => {
  const stub = await startModernStub(t, {
    onRequest(request) {
      if (request.message.method !== 'tools/call') return false;
      const { id } = request.message;
      beginEvents(request)({ id, result: { content: [] } });
      request.response.end();
      return true;
    },
  });
  const world = await startWorld({ backends: [stub.port] });
  t.after(() => world.stop());
  const answer = await tool(world.pod(0).url, 'safe', {}, { id: 'mine' });
  assert.equal(answer.headers.get('content-type'), 'application/json');
  assert.equal(answer.json.id, 'mine');
});

test('a server that opens a stream and thinks: nothing is sent, and after a while a comment', async (t) => {
  const writers: ((message: object) => void)[] = [];
  const stub = await startModernStub(t, {
    onRequest(request) {
      if (request.message.method !== 'tools/call') return false;
      writers.push(beginEvents(request));
      return true;
    },
  });
  const config = { timing: { keepaliveMs: 50 } };
  const world = await startWorld({ backends: [stub.port], config });
  t.after(() => world.stop());
  const stream = await open(world.pod(0).url, 'tools/call', { name: 'safe' });
  await eventually('a comment', () => stream.items.some(({ type }) => type === 'comment'));
  writers[0]?.({ id: 1, result: { content: [] } });
  await stream.ended;
  assert.equal(messagesOf(stream).length, 1);
});

test(verifies('modern.cancel'), async (t) => {
  const stub = await startModernStub(t, {
    onRequest: ({ message }) => message.method === 'tools/call',
  });
  const other = await startModernStub(t);
  const world = await startWorld({ backends: [stub.port, other.port] });
  t.after(() => world.stop());
  // From the pod itself, and over the hop from another pod, which takes no work of its own.
  await other.stop();
  await eventually('the other server is down', () => !world.pod(1).gateway.backendReady());
  for (const index of [0, 1]) {
    const abort = new AbortController();
    const { message, headers } = modern('tools/call', { name: 'risky' });
    const calling = fetch(world.pod(index).url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(headers as Record<string, string>) },
      body: JSON.stringify(message),
      signal: abort.signal,
    });
    calling.catch(() => undefined);
    await eventually('the server is asked', () => stub.of('tools/call').length === index + 1);
    abort.abort();
    await stub.of('tools/call')[index]?.gone;
  }
});

test('a long answer is passed on before it is complete', async (t) => {
  const part = 'x'.repeat(2_000_000);
  const stub = await startModernStub(t, {
    onRequest({ message, response }) {
      if (message.method !== 'tools/call') return false;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(`{"jsonrpc":"2.0","id":${String(message.id)},"result":{"text":"${part}`);
      return true;
    },
  });
  const world = await startWorld({ backends: [stub.port] });
  t.after(() => world.stop());
  const { message, headers } = modern('tools/call', { name: 'risky' });
  const response = await fetch(world.pod(0).url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(headers as Record<string, string>) },
    body: JSON.stringify(message),
  });
  const reader = required(response.body, 'a body').getReader();
  let text = '';
  const decoder = new TextDecoder();
  const read = async (enough: () => boolean): Promise<void> => {
    for (let done = false; !done && !enough();) {
      const next = await reader.read();
      text += decoder.decode(next.value);
      ({ done } = next);
    }
  };
  await read(() => text.length > 1_000_000);
  stub.of('tools/call')[0]?.response.end('"}}');
  await read(() => false);
  assert.equal((JSON.parse(text) as { result: { text: string } }).result.text.length, part.length);
});
