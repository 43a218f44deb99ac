/** Web pages as callers: allowed origins, preflights, hosts, and what DNS rebinding would send. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { after, before, test } from 'node:test';
import { DEFAULT_POLICIES } from '../../src/gateway/policies.ts';
import { MCP_ERRORS } from '../../src/mcp/index.ts';
import { verifies } from '../requirements.ts';
import { INITIALIZE, openStream, post, raw } from './client.ts';
import { startStub, type StubServer } from './stub-server.ts';
import { startWorld, type World } from './world.ts';

const PAGE = 'https://app.test';
const EVIL = 'https://evil.test';
const lists = { allowedOrigins: [] as string[], allowedHosts: [] as string[] };

let stub: StubServer;
let world: World;
let open: World;
before(async () => {
  stub = await startStub();
  const config = {
    // Read at each request, as the resource may change.
    allowedOrigins: lists.allowedOrigins,
    allowedHosts: lists.allowedHosts,
  };
  const policies = {
    ...DEFAULT_POLICIES,
    auth: { providers: [{ type: 'TokenFile', path: '/no/such/file' } as const], rules: [] },
  };
  [open, world] = await Promise.all([
    startWorld({ backends: [stub.port], config }),
    startWorld({ backends: [stub.port], config: { ...config, policies } }),
  ]);
});
after(async () => {
  await Promise.all([world.stop(), open.stop()]);
  await stub.stop();
});

function allow(origins: readonly string[], hosts: readonly string[] = []): void {
  lists.allowedOrigins.splice(0, Infinity, ...origins);
  lists.allowedHosts.splice(0, Infinity, ...hosts);
}

const url = (): URL => open.pod(0).url;
const statusFrom = async (origin: string): Promise<number> =>
  (await post(url(), INITIALIZE, { origin })).status;

/** Sends bytes as they are; the status of the answer. */
async function send(text: string): Promise<number> {
  const socket = connectSocket(Number(url().port), url().hostname);
  socket.end(text);
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString()));
  await once(socket, 'close');
  return Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1]);
}

test(verifies('auth.origin'), async (t) => {
  await t.test('with a list, only what it names', async () => {
    allow([PAGE, 'HTTPS://Caps.Test:443/', 'chrome-extension://abcdef']);
    assert.equal(await statusFrom(PAGE), 200);
    assert.equal(await statusFrom('https://caps.test'), 200);
    assert.equal(await statusFrom('chrome-extension://abcdef'), 200);
    for (const origin of [
      EVIL,
      'null',
      'http://app.test',
      'https://app.test:8443',
      'https://app.test.evil.test',
      'https://app.test/',
      `${PAGE}, ${EVIL}`,
      'http://localhost:3000',
      '',
    ]) {
      const answer = await post(url(), INITIALIZE, { origin });
      assert.equal(answer.status, 403, origin);
      assert.equal(answer.json.error?.code, MCP_ERRORS.forbiddenOrigin.code);
      assert.equal(answer.headers.get('access-control-allow-origin'), null);
      assert.equal(answer.headers.get('vary'), 'Origin');
    }
  });
  await t.test('without a list, pages of this machine and of the named hosts', async () => {
    allow([]);
    for (const origin of ['http://localhost:6274', 'http://127.0.0.1', 'http://[::1]:80'])
      assert.equal(await statusFrom(origin), 200, origin);
    for (const origin of [EVIL, 'null', 'http://localhost.evil.test', 'http://10.0.0.1'])
      assert.equal(await statusFrom(origin), 403, origin);
    allow([], [url().hostname]);
    assert.equal(await statusFrom(`http://${url().host}`), 200);
    assert.equal(await statusFrom(EVIL), 403);
  });
  await t.test('hosts', async () => {
    allow([], ['mcp.test', '[::1]']);
    const request = (hosts: string): Promise<number> =>
      send(`GET /other HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`);
    assert.equal(await request('Host: mcp.test\r\n'), 404, 'it came through to the path');
    assert.equal(await request('Host: MCP.test:8080\r\n'), 404);
    assert.equal(await request('Host: [::1]:80\r\n'), 404);
    assert.equal(await request('Host: evil.test\r\n'), 403);
    assert.equal(await request('Host: mcp.test.evil.test\r\n'), 403);
    assert.equal(await request('Host:\r\n'), 403);
    for (const hosts of [
      'Host: mcp.test\r\nHost: evil.test\r\n',
      'Host: mcp.test\r\nhOST: mcp.test\r\n',
      'Host: mcp.test, evil.test\r\n',
      'Host: user@mcp.test\r\n',
      'Host: mcp.test/evil\r\n',
      'Host: mcp.test:80:80\r\n',
      'Host: [::1\r\n',
      '',
    ])
      assert.equal(await request(hosts), 400, hosts);
    allow([]);
    assert.equal(await request('Host: any.test\r\nHost: any.test\r\n'), 400, 'without a list, too');
    for (const name of ['Authorization', 'Origin', 'Content-Type', 'Mcp-Name', 'Mcp-Method'])
      assert.equal(await request(`Host: any.test\r\n${name}: a\r\n${name}: b\r\n`), 400, name);
  });
});

test(verifies('auth.cors'), async (t) => {
  const preflight = (target: URL, headers: Record<string, string>) =>
    raw(target, { method: 'OPTIONS', headers: { origin: PAGE, ...headers } });
  const wanted =
    'authorization,content-type,last-event-id,mcp-method,mcp-name,mcp-param-region,mcp-protocol-version,mcp-session-id,traceparent';
  const asked = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': wanted,
  };
  await t.test('a preflight needs no token, and allows the headers of both eras', async () => {
    allow([PAGE]);
    for (const target of [
      world.pod(0).url,
      url(),
      new URL('/.well-known/oauth-protected-resource', url()),
    ]) {
      const answer = await preflight(target, asked);
      assert.equal(answer.status, 204);
      const { headers } = answer;
      assert.equal(headers.get('access-control-allow-origin'), PAGE);
      assert.equal(headers.get('access-control-allow-methods'), 'GET, POST, DELETE');
      assert.equal(headers.get('access-control-allow-headers'), wanted.replaceAll(',', ', '));
      assert.equal(headers.get('access-control-allow-credentials'), null);
      assert.match(headers.get('vary') ?? '', /Origin/);
    }
    assert.equal((await preflight(url(), { ...asked, origin: EVIL })).status, 403);
    const odd = { ...asked, 'access-control-request-headers': 'x-ok, bad name, , ok<' };
    const { headers } = await preflight(url(), odd);
    assert.equal(headers.get('access-control-allow-headers'), 'x-ok');
  });
  await t.test('an answer, and a refusal, may be read', async () => {
    const answers = [
      await post(url(), INITIALIZE, { origin: PAGE }),
      await post(url(), '{', { origin: PAGE }),
      await raw(new URL('/other', url()), { headers: { origin: PAGE } }),
      await post(world.pod(0).url, INITIALIZE, { origin: PAGE }),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 400, 404, 401],
    );
    for (const { headers } of answers) {
      assert.equal(headers.get('access-control-allow-origin'), PAGE);
      assert.match(headers.get('access-control-expose-headers') ?? '', /Mcp-Session-Id.*WWW-Auth/);
      assert.equal(headers.get('vary'), 'Origin');
    }
    const program = await post(url(), INITIALIZE);
    assert.equal(program.headers.get('vary'), 'Origin', 'a cache must keep the two apart');
    assert.equal(program.headers.get('access-control-allow-origin'), null);
  });
  await t.test('a stream may be read, too', async () => {
    const opened = await post(url(), INITIALIZE, { origin: PAGE });
    const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    const headers = { ...session, accept: 'text/event-stream', origin: PAGE };
    const stream = await openStream(url(), { headers });
    stream.close();
    assert.equal(stream.status, 200);
    assert.equal(stream.headers.get('access-control-allow-origin'), PAGE);
    assert.equal(stream.headers.get('content-type'), 'text/event-stream');
  });
  await t.test('* is everybody, and still nobody with cookies', async () => {
    allow(['*']);
    for (const origin of [PAGE, EVIL, 'null']) {
      const { status, headers } = await post(url(), INITIALIZE, { origin });
      assert.equal(status, 200);
      assert.equal(headers.get('access-control-allow-origin'), '*');
      assert.equal(headers.get('access-control-allow-credentials'), null);
    }
    assert.equal((await preflight(url(), asked)).headers.get('access-control-allow-origin'), '*');
  });
  await t.test('the server is not asked what the gateway decided', async () => {
    allow([PAGE]);
    stub.headers.length = 0;
    await post(url(), INITIALIZE, { origin: PAGE });
    const [heard] = stub.headers.filter((each) => each['user-agent'] === 'node');
    assert.ok(heard !== undefined && heard.origin === undefined);
  });
  await t.test('without a list no page gets leave', async () => {
    allow([]);
    const answer = await preflight(url(), { ...asked, origin: 'http://localhost:6274' });
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.get('access-control-allow-origin'), null);
  });
});
