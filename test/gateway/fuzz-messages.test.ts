/** Random JSON-RPC in two sessions at once, and texts that would like to be lines of somebody else's protocol. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createSseParser } from '../../src/mcp/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { openRaw, openStream, post, POST_HEADERS, raw } from './client.ts';
import { seeded } from './raw-http.ts';
import { beginStream, startStub, type StubServer } from './stub-server.ts';
import { startWorld, type World } from './world.ts';

/** The whole run is `npm run fuzz`. */
const MESSAGES = Number(process.env['FUZZ_MESSAGES'] ?? 3_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);

let stub: StubServer;
let world: World;

before(async () => {
  stub = await startStub({
    capabilities: { tools: {}, resources: { subscribe: true }, logging: {}, prompts: {} },
    // What a session sent comes back to it, as JSON or as events: nothing of it may come to another.
    onCall({ message, response }) {
      if (message.id === undefined || message.method === undefined) return false;
      const answer = { jsonrpc: '2.0', id: message.id, result: { echo: message.params ?? null } };
      if (message.method === 'tools/call') {
        const event = beginStream(response);
        event('1', { jsonrpc: '2.0', method: 'notifications/message', params: { data: message } });
        event('2', answer);
        response.end();
      } else {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer));
      }
      return true;
    },
  });
  world = await startWorld({ backends: [stub.port, stub.port] });
});
after(async () => {
  await world.stop();
  await stub.stop();
});

type Pick = (bound: number) => number;

const METHODS = [
  'ping', 'tools/call', 'tools/list', 'resources/read', 'resources/subscribe', 'resources/unsubscribe',
  'logging/setLevel', 'prompts/get', 'completion/complete', 'tasks/get', 'tasks/result', 'server/discover',
  'notifications/cancelled', 'notifications/progress', 'notifications/initialized', 'initialize', 'made/up', '', '\r\n',
]; // prettier-ignore

function value(pick: Pick, mark: string, depth = 0): unknown {
  const odd = [
    null,
    true,
    0,
    -1,
    1.5,
    1e300,
    '',
    mark,
    `${mark}\r\n\r\ndata: x`,
    '\ud800',
    '\u2028',
    '__proto__',
    '1:1',
  ];
  if (depth > 4 || pick(3) > 0) return odd[pick(odd.length)];
  if (pick(2) === 0) return Array.from({ length: pick(4) }, () => value(pick, mark, depth + 1));
  const names = [
    'uri',
    'level',
    'name',
    'arguments',
    '_meta',
    'progressToken',
    'cursor',
    'task',
    'requestId',
    'toString',
  ];
  return Object.fromEntries(
    Array.from({ length: pick(5) }, () => [
      names[pick(names.length)],
      value(pick, mark, depth + 1),
    ]),
  );
}

/** A message, most often nearly right; sometimes a batch, text that is no JSON, or deep. */
function randomBody(pick: Pick, mark: string): string {
  const one = (): unknown => {
    const message: Record<string, unknown> = {
      jsonrpc: '2.0',
      id: pick(1_000),
      method: METHODS[pick(METHODS.length)],
    };
    if (pick(4) > 0)
      message['params'] =
        pick(3) === 0 ? value(pick, mark) : { name: mark, uri: mark, level: 'info' };
    for (let damage = pick(3); damage > 0; damage--) {
      const field = ['jsonrpc', 'id', 'method', 'params', 'result', 'error'][pick(6)] as string;
      if (pick(2) === 0) delete message[field];
      else message[field] = value(pick, mark);
    }
    return message;
  };
  switch (pick(12)) {
    case 0:
      return JSON.stringify(Array.from({ length: pick(4) }, one));
    case 1:
      return JSON.stringify(one()).slice(0, pick(60));
    case 2:
      return '['.repeat(pick(20_000)) + mark;
    default:
      return JSON.stringify(one());
  }
}

const STATUSES = new Set([200, 202, 400, 404, 429]);

test(verifies('gateway.random-messages'), { timeout: 1_800_000 }, async () => {
  const pick = seeded(SEED);
  const open = async (mark: string, pod: number) => ({
    mark,
    headers: await openRaw(world.pod(pod).url),
  });
  const sessions = await Promise.all([open('alpha-7731', 0), open('omega-9972', 1)]);
  const owners = await Promise.all(
    sessions.map(({ headers }) => world.ownerOf(headers['mcp-session-id'])),
  );
  assert.notEqual(owners[0]?.node, owners[1]?.node);
  let left = MESSAGES;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const index = pick(2);
      const { mark, headers } = sessions[index] as (typeof sessions)[number];
      const other = (sessions[1 - index] as (typeof sessions)[number]).mark;
      const body = randomBody(pick, mark);
      const { status, body: text } = await post(world.pod(pick(2)).url, body, headers);
      const what = (): string =>
        `seed ${SEED}: ${status} ${text.slice(0, 300)} to ${body.slice(0, 300)}`;
      assert.ok(STATUSES.has(status), what());
      assert.ok(!text.includes(other), what());
    }
  };
  await Promise.all(Array.from({ length: 6 }, worker));
  for (const { headers } of sessions)
    for (const pod of [0, 1]) {
      const answer = await post(
        world.pod(pod).url,
        { jsonrpc: '2.0', id: 1, method: 'ping' },
        headers,
      );
      assert.equal(answer.status, 200, answer.body);
    }
  for (const pod of [0, 1])
    await eventually(`nothing is left at pod ${pod}`, async () => {
      const text = await world.pod(pod).metrics.exposition();
      return /gateway_requests_in_flight 0/.test(text) && /gateway_streams 0/.test(text);
    });
});

const EVIL = [
  '1\n\ndata: {"evil":true}\n\n',
  'x\r\nid: 9.9.9.f',
  'x\rdata: evil\r\r',
  '\u2028data: evil',
  'a.b.c.m.d',
  '../../etc',
  '%0d%0a',
  '\ud800',
  'é'.repeat(300),
];

test(verifies('gateway.no-injection'), async (t) => {
  const headers = await openRaw(world.pod(0).url);
  for (const id of EVIL) {
    await t.test(`a request id ${JSON.stringify(id.slice(0, 20))}`, async () => {
      const params = { name: id, arguments: { text: id } };
      const call = { jsonrpc: '2.0', id, method: 'tools/call', params };
      const stream = await openStream(world.pod(1).url, {
        method: 'POST',
        headers: { ...POST_HEADERS, ...headers },
        body: JSON.stringify(call),
      });
      await stream.ended;
      const events = stream.items.filter((item) => item.type === 'event');
      // The resume point, the notification and the answer: no text became an event of its own.
      assert.equal(events.length, 3);
      for (const event of events) assert.match(event.id ?? '', /^\d+\.\d+\.\d+\.[mf][!-~]*$/);
      const texts = events.slice(1).map((event) => JSON.parse(event.data) as { id?: unknown });
      assert.equal(texts[1]?.id, id);
    });
  }
  for (const name of ['mcp-session-id', 'last-event-id', 'mcp-protocol-version'] as const) {
    for (const evil of ['a\tb', 'é', 'x'.repeat(5_000), '1.1.1.m.%0adata', "';--", '__proto__']) {
      await t.test(`${name}: ${evil.slice(0, 20)}`, async () => {
        const answer = await raw(world.pod(1).url, {
          headers: { accept: 'text/event-stream', ...headers, [name]: evil },
          signal: AbortSignal.timeout(2_000),
        }).catch(() => undefined);
        // What is answered at all is refused, and nothing of the value comes back outside of JSON.
        if (answer === undefined) return;
        assert.ok([400, 404, 405].includes(answer.status), `${answer.status} ${answer.body}`);
        if (answer.body !== '')
          assert.equal(createSseParser(1e6).push(Buffer.from(answer.body)).length, 0);
      });
    }
  }
});
