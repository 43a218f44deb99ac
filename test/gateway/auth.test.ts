/** Callers over real HTTP: challenges, metadata, sessions that belong to somebody, tools that not everybody may call. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DEFAULT_POLICIES, type AuthPolicy } from '../../src/gateway/policies.ts';
import { MCP_ERRORS } from '../../src/mcp/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { INITIALIZE, openStream, post, raw, type RawAnswer } from './client.ts';
import { AUDIENCE, startIssuer, type Issuer } from './issuer.ts';
import { createLogSink } from './log-sink.ts';
import { beginStream, startStub, type StubServer } from './stub-server.ts';
import { startWorld, type World } from './world.ts';

const ADMIN = 'admin-token-0123456789';
const GUEST = 'guest-token-0123456789';
const STRANGER = 'stranger-token-0123456789';
const TOOLS = ['read_file', 'read_dir', 'delete_all'];

let folder: string;
let issuer: Issuer;
let stubs: StubServer[];
let world: World;
const logs = createLogSink();
let rules: AuthPolicy['rules'] = [];
/** Tokens that must never be in a log. */
const secrets = [ADMIN, GUEST, STRANGER];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'auth-'));
  await writeFile(join(folder, 'tokens'), `${ADMIN} acme admin\n${GUEST} acme guests\n`);
  issuer = await startIssuer(() => Math.floor(Date.now() / 1000));
  stubs = await Promise.all([0, 1].map(() => startStub({ onCall: listTools })));
  const auth = (): AuthPolicy => ({
    providers: [
      { type: 'TokenFile', path: join(folder, 'tokens') },
      {
        type: 'JWT',
        issuer: issuer.url,
        jwksUri: issuer.jwksUri,
        audiences: [AUDIENCE],
        tenantClaim: 'tenant',
        groupsClaim: 'groups',
      },
    ],
    rules,
    protectedResource: {
      resource: AUDIENCE,
      authorizationServers: [issuer.url],
      scopes: ['mcp:read'],
    },
  });
  world = await startWorld({
    backends: stubs.map(({ port }) => port),
    logger: logs.logger,
    config: {
      policies: {
        ...DEFAULT_POLICIES,
        get auth() {
          return auth();
        },
      },
    },
  });
});
after(async () => {
  await world.stop();
  await Promise.all(stubs.map((stub) => stub.stop()));
  await issuer.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A server with tools that come in pages, as JSON or, with a progress token, as a stream. */
function listTools({
  message,
  response,
}: Parameters<NonNullable<StubOptions['onCall']>>[0]): boolean {
  if (message.method !== 'tools/list') return false;
  const tools = TOOLS.map((name) => ({ name, inputSchema: { type: 'object' } }));
  const result = { tools, nextCursor: 'page-2', ttlMs: 1000, cacheScope: 'public' };
  const answer = { jsonrpc: '2.0', id: message.id, result };
  if ('cursor' in (message.params ?? {})) {
    const write = beginStream(response);
    write('1', {
      jsonrpc: '2.0',
      method: 'notifications/message',
      params: { level: 'info', data: 'x' },
    });
    write('2', answer);
    response.end();
  } else {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }
  return true;
}
type StubOptions = NonNullable<Parameters<typeof startStub>[0]>;

const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` });
const url = (pod = 0): URL => world.pod(pod).url;
const call = (name: string, id: number | string = 7): object => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: {} },
});
/** What came through from a client: the gateway's own probes do not say that they are of `fetch`. */
const heard = (): number =>
  stubs.flatMap(({ headers }) => headers).filter((each) => each['user-agent'] === 'node').length;

async function open(token: string, version = '2025-11-25'): Promise<Record<string, string>> {
  const params = { ...INITIALIZE.params, protocolVersion: version };
  const answer = await post(url(), { ...INITIALIZE, params }, bearer(token));
  assert.equal(answer.status, 200, answer.body);
  const session = {
    ...bearer(token),
    'mcp-session-id': answer.headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': version,
  };
  await post(url(), { jsonrpc: '2.0', method: 'notifications/initialized' }, session);
  return session;
}

const METADATA_URL = 'https://mcp.test/.well-known/oauth-protected-resource/mcp';

test(verifies('auth.challenge'), async (t) => {
  const expired = await issuer.sign('alice', { exp: Math.floor(Date.now() / 1000) - 100 });
  const foreign = await issuer.sign('alice', { aud: 'https://bank.test' });
  secrets.push(expired, foreign);
  const invalid = `Bearer error="invalid_token", scope="mcp:read", resource_metadata="${METADATA_URL}"`;
  const missing = `Bearer scope="mcp:read", resource_metadata="${METADATA_URL}"`;
  const malformed = invalid.replace('invalid_token', 'invalid_request');
  const rows: [string, string | undefined, number, number, string][] = [
    ['nothing', undefined, 401, MCP_ERRORS.tokenRequired.code, missing],
    ['another scheme', 'Basic YTpi', 401, MCP_ERRORS.tokenRequired.code, missing],
    ['an unknown token', `Bearer ${STRANGER}`, 401, MCP_ERRORS.tokenInvalid.code, invalid],
    ['a token that is almost one', `Bearer ${ADMIN}x`, 401, MCP_ERRORS.tokenInvalid.code, invalid],
    ['an expired token', `Bearer ${expired}`, 401, MCP_ERRORS.tokenInvalid.code, invalid],
    ['a token for others', `Bearer ${foreign}`, 401, MCP_ERRORS.tokenInvalid.code, invalid],
    ['no token', 'Bearer', 400, MCP_ERRORS.authorizationMalformed.code, malformed],
    ['two words', 'Bearer a b', 400, MCP_ERRORS.authorizationMalformed.code, malformed],
    ['quotes', 'Bearer "a"', 400, MCP_ERRORS.authorizationMalformed.code, malformed],
  ];
  const before = heard();
  for (const [name, authorization, status, code, challenge] of rows) {
    await t.test(name, async () => {
      for (const answer of [
        await post(url(), INITIALIZE, { authorization }),
        await raw(url(), {
          headers: { accept: 'text/event-stream', ...(authorization && { authorization }) },
        }),
        await raw(new URL('/other', url()), authorization ? { headers: { authorization } } : {}),
      ]) {
        assert.equal(answer.status, status, answer.body);
        assert.equal(answer.json.error?.code, code);
        assert.equal(answer.json.id, null);
        assert.equal(answer.headers.get('www-authenticate'), challenge);
      }
    });
  }
  assert.equal(heard(), before, 'no server heard of it');
});

test('a token in the query counts for nothing', async () => {
  const target = new URL(`?access_token=${ADMIN}`, url());
  assert.equal((await post(target, INITIALIZE)).status, 401);
});

test(verifies('auth.metadata'), async () => {
  for (const path of ['', '/mcp', '/']) {
    const answer = await raw(new URL(`/.well-known/oauth-protected-resource${path}`, url()), {});
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'application/json');
    assert.deepEqual(JSON.parse(answer.body), {
      resource: AUDIENCE,
      authorization_servers: [issuer.url],
      scopes_supported: ['mcp:read'],
      bearer_methods_supported: ['header'],
    });
  }
  const other = new URL('/.well-known/oauth-protected-resource/else', url());
  assert.equal((await raw(other, {})).status, 404);
  const write = await raw(new URL('/.well-known/oauth-protected-resource', url()), {
    method: 'PUT',
  });
  assert.equal(write.status, 405);
});

test(verifies('auth.session-bound'), async () => {
  const session = await open(ADMIN);
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  const token = await issuer.sign('alice', { tenant: 'acme', groups: ['admin'] });
  secrets.push(token);
  const before = heard();
  for (const pod of [0, 1]) {
    for (const other of [GUEST, token]) {
      const headers = { ...session, ...bearer(other) };
      const attempts: RawAnswer[] = [
        await post(url(pod), ping, headers),
        await raw(url(pod), { headers: { ...headers, accept: 'text/event-stream' } }),
        await raw(url(pod), { method: 'DELETE', headers }),
      ];
      const unknown = await post(url(pod), ping, { ...headers, 'mcp-session-id': 'made-up' });
      for (const answer of attempts) {
        assert.equal(answer.status, 404);
        assert.equal(answer.json.error?.code, unknown.json.error?.code);
        assert.equal(answer.json.error?.message, unknown.json.error?.message);
      }
    }
    assert.equal((await post(url(pod), ping, session)).status, 200, 'its own still has it');
    const { authorization: _token, ...without } = session;
    assert.equal((await post(url(pod), ping, without)).status, 401);
  }
  assert.equal(heard(), before + 2, 'the server heard of its own only');
});

test('a renewed token of the same subject keeps the session', async () => {
  const first = await issuer.sign('alice', { jti: '1' });
  const second = await issuer.sign('alice', { jti: '2' });
  secrets.push(first, second);
  const session = await open(first);
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  assert.equal((await post(url(1), ping, { ...session, ...bearer(second) })).status, 200);
});

const RULES: AuthPolicy['rules'] = [
  { tools: ['delete_all'], groups: ['guests'], effect: 'Deny' },
  { tools: ['delete_*'], groups: ['admin'], effect: 'Allow' },
  { tools: ['delete_*'], scopes: ['mcp:write', 'mcp:read'], effect: 'Allow' },
  { tools: ['read_*'], tenants: ['acme'], effect: 'Allow' },
];

test(verifies('auth.tools'), async (t) => {
  rules = RULES;
  t.after(() => (rules = []));
  const [admin, guest] = [await open(ADMIN), await open(GUEST, '2025-03-26')];
  const jwt = await issuer.sign('alice', { tenant: 'acme', scope: 'mcp:read' });
  const strong = await issuer.sign('alice', { tenant: 'acme', scope: 'mcp:read mcp:write' });
  secrets.push(jwt, strong);
  const alice = await open(jwt);
  for (const name of TOOLS) assert.equal((await post(url(), call(name), admin)).status, 200, name);
  const before = heard();
  for (const pod of [0, 1]) {
    const denied = await post(url(pod), call('delete_all', 'id-1'), guest);
    assert.deepEqual(
      [
        denied.status,
        denied.json.id,
        denied.json.error?.code,
        denied.headers.get('www-authenticate'),
      ],
      [403, 'id-1', MCP_ERRORS.toolForbidden.code, null],
    );
    const scope = await post(url(pod), call('delete_all'), alice);
    assert.deepEqual(
      [scope.status, scope.json.id, scope.json.error?.code],
      [403, 7, MCP_ERRORS.scopeRequired.code],
    );
    assert.equal(
      scope.headers.get('www-authenticate'),
      `Bearer error="insufficient_scope", scope="mcp:write mcp:read", resource_metadata="${METADATA_URL}"`,
    );
    assert.equal((await post(url(pod), call('another'), admin)).status, 403, 'no rule, no call');
    const nameless = { ...call('x'), params: { name: ['read_file'] } };
    assert.equal((await post(url(pod), nameless, guest)).status, 403);
    const batch = await post(url(pod), [call('read_file', 1), call('delete_all', 2)], guest);
    assert.equal(batch.status, 403);
    assert.deepEqual(
      (batch.json as unknown as { id: number; error: { code: number } }[]).map(({ id, error }) => [
        id,
        error.code,
      ]),
      [
        [1, MCP_ERRORS.batchRefused.code],
        [2, MCP_ERRORS.toolForbidden.code],
      ],
    );
  }
  assert.equal(heard(), before, 'the server heard of none');
  assert.equal(
    (await post(url(1), call('delete_all'), { ...alice, ...bearer(strong) })).status,
    200,
  );
  assert.equal((await post(url(1), call('read_dir'), guest)).status, 200);
});

test(verifies('auth.one-reading'), async (t) => {
  rules = RULES;
  t.after(() => (rules = []));
  const guest = await open(GUEST);
  const before = heard();
  const bodies = [
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_all","name":"read_file"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","Name":"delete_all"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"n\\u0061me":"delete_all","name" : "read_file"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping","params":{"name":"delete_all"}}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call","params":{"name":"delete_all"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_all"},"params":{"name":"read_file"}}',
  ];
  for (const body of bodies) {
    const answer = await post(url(), body, guest);
    assert.deepEqual([answer.status, answer.json.error?.code], [400, -32600], body);
  }
  assert.equal(heard(), before);
  const tricky = {
    name: 'read_file',
    arguments: { name: 'x', params: [{ method: '":' }], text: '\\"name":1' },
  };
  const fine = JSON.stringify({ ...call('x'), params: tricky }, undefined, 2);
  assert.equal(
    (await post(url(), fine, guest)).status,
    200,
    'the same names in arguments are no trick',
  );
  const deep = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","a":${'['.repeat(5000)}${']'.repeat(5000)}}}`;
  assert.equal((await post(url(), deep, guest)).status, 200);
});

test(verifies('auth.tool-list'), async (t) => {
  rules = RULES;
  t.after(() => (rules = []));
  const list = (params: object): object => ({
    jsonrpc: '2.0',
    id: 3,
    method: 'tools/list',
    params,
  });
  const [admin, guest] = [await open(ADMIN), await open(GUEST)];
  for (const pod of [0, 1]) {
    for (const params of [{}, { cursor: 'c' }]) {
      const all = await post(url(pod), list(params), admin);
      const some = await post(url(pod), list(params), guest);
      assert.deepEqual(namesIn(all), TOOLS);
      assert.deepEqual(namesIn(some), ['read_file', 'read_dir']);
      const result = some.json.result as unknown as Record<string, unknown>;
      assert.equal(result['nextCursor'], 'page-2');
      assert.equal(result['cacheScope'], 'private', 'nobody keeps it for others');
      assert.doesNotMatch(some.body, /delete_all/);
    }
  }
  // The answer of a stream that broke off comes again to a GET, which does not say what was asked.
  const streamed = await post(url(), list({ cursor: 'c' }), guest);
  const firstId = /^id: (.*)$/m.exec(streamed.body)?.[1] ?? '';
  const again = await openStream(url(1), {
    headers: { ...guest, accept: 'text/event-stream', 'last-event-id': firstId },
  });
  await again.ended;
  const replayed = JSON.stringify(again.items);
  assert.match(replayed, /read_file/);
  assert.doesNotMatch(replayed, /delete_all/);
});

function namesIn(answer: RawAnswer): string[] {
  const { tools } = answer.json.result as unknown as { tools: { name: string }[] };
  return tools.map(({ name }) => name);
}

test(verifies('auth.no-secrets'), async () => {
  for (let count = 0; count < 20; count++) await post(url(), INITIALIZE, bearer(STRANGER));
  await eventually('refusals are logged', () => logs.text().includes('callers refused'));
  const text = logs.text();
  for (const secret of secrets) assert.ok(!text.includes(secret), 'a token is in a log');
  assert.ok(!text.includes('Bearer'), 'no header either');
  const lines = logs.lines.filter(
    ({ message, fields }) => message === 'callers refused' && fields['reason'] === 'unknown-token',
  );
  assert.ok(
    lines.length <= 2 * Math.ceil(performance.now() / 10_000),
    'a line an interval at most',
  );
  const exposition = await world.pod(0).metrics.exposition();
  for (const secret of secrets) assert.ok(!exposition.includes(secret));
  const reasons = exposition.match(/gateway_unauthorized_total\{reason="([a-z-]+)"\}/g) ?? [];
  assert.ok(reasons.length >= 5 && reasons.length <= 15, String(reasons));
});
