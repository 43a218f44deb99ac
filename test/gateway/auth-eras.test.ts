/** The same rules in both eras, in front of a real server, with the official clients: what they make of our refusals. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Client as Client2,
  extractWWWAuthenticateParams as challengeIn2,
  StreamableHTTPClientTransport as Transport2,
} from '@modelcontextprotocol/client';
import {
  checkResourceAllowed,
  resourceUrlFromServerUrl,
} from '@modelcontextprotocol/sdk/shared/auth-utils.js';
import {
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams as challengeIn1,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { DEFAULT_POLICIES } from '../../src/gateway/policies.ts';
import { MCP_ERRORS } from '../../src/mcp/index.ts';
import { verifies } from '../requirements.ts';
import { INITIALIZE, post } from './client.ts';
import { call, startModern, tool, type ModernWorld } from './modern-world.ts';

const ADMIN = { authorization: 'Bearer admin-token-0123456789' };
const GUEST = { authorization: 'Bearer guest-token-0123456789' };
const RESOURCE = 'https://mcp.test/mcp';

let folder: string;
let modern: ModernWorld;
const ends: (() => void | Promise<void>)[] = [];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'auth-'));
  const path = join(folder, 'tokens');
  await writeFile(path, 'admin-token-0123456789 acme admin\nguest-token-0123456789 acme guests\n');
  const auth = {
    providers: [{ type: 'TokenFile', path } as const],
    rules: [
      { tools: ['*'], groups: ['admin'], effect: 'Allow' } as const,
      { tools: ['echo', 'test_s*'], effect: 'Allow' } as const,
      { tools: ['process_id'], scopes: ['debug'], effect: 'Allow' } as const,
    ],
    protectedResource: {
      resource: RESOURCE,
      authorizationServers: ['https://as.test'],
      scopes: [],
    },
  };
  const config = { policies: { ...DEFAULT_POLICIES, auth } };
  const context = { after: (end: () => void) => void ends.push(end) };
  modern = await startModern(context as Parameters<typeof startModern>[0], 2, { config });
});
after(async () => {
  for (const end of ends) await end();
  await rm(folder, { recursive: true, force: true });
});

const FORBIDDEN = 'record';

test('2026-07-28: a denied call is refused with its id, whatever the headers say', async () => {
  for (const url of modern.urls) {
    const denied = await tool(url, FORBIDDEN, {}, { id: 'x', headers: GUEST });
    assert.deepEqual(
      [denied.status, denied.json.id, denied.json.error?.code],
      [403, 'x', MCP_ERRORS.toolForbidden.code],
    );
    const disguised = { ...GUEST, 'mcp-name': 'echo', 'mcp-method': 'tools/list' };
    const mismatch = await tool(url, FORBIDDEN, {}, { headers: disguised });
    assert.deepEqual([mismatch.status, mismatch.json.error?.code], [400, -32020]);
    const scope = await tool(url, 'process_id', {}, { headers: GUEST });
    assert.equal(scope.status, 403);
    assert.match(
      scope.headers.get('www-authenticate') ?? '',
      /^Bearer error="insufficient_scope", scope="debug", resource_metadata="https:/,
    );
    assert.equal((await tool(url, 'echo', { message: 'hi' }, { headers: GUEST })).status, 200);
    assert.equal((await tool(url, 'process_id', {}, { headers: ADMIN })).status, 200);
    assert.equal((await call(url, 'server/discover')).status, 401);
  }
  assert.deepEqual(await modern.effects(), []);
});

test('2026-07-28: lists of tools are shortened and private', async () => {
  for (const url of modern.urls) {
    const toolsFor = async (headers: typeof ADMIN) => {
      const { json } = await call(url, 'tools/list', {}, { headers });
      return json.result as unknown as { tools: { name: string }[]; cacheScope?: string };
    };
    const [all, some] = [await toolsFor(ADMIN), await toolsFor(GUEST)];
    assert.ok(all.tools.some(({ name }) => name === FORBIDDEN));
    assert.ok(some.tools.length > 1);
    assert.deepEqual(
      some.tools.map(({ name }) => name),
      all.tools
        .map(({ name }) => name)
        .filter((name) => name === 'echo' || name.startsWith('test_s')),
    );
    assert.equal(some.cacheScope, 'private');
  }
});

test(verifies('auth.task-bound'), async () => {
  const [one, two] = modern.urls as [URL, URL];
  const capabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
  const begin = async (headers: typeof ADMIN): Promise<string> => {
    const args = { seconds: 0.2 };
    const { json } = await tool(one, 'slow_compute', args, { headers, capabilities });
    return (json.result as unknown as { taskId: string }).taskId;
  };
  const taskId = await begin(ADMIN);
  assert.equal(typeof taskId, 'string');
  for (const url of [one, two]) {
    const answers = await Promise.all(
      ['tasks/get', 'tasks/cancel'].map((method) =>
        call(url, method, { taskId }, { headers: GUEST, capabilities }),
      ),
    );
    const unknown = await call(
      url,
      'tasks/get',
      { taskId: 'none' },
      { headers: GUEST, capabilities },
    );
    for (const { json } of [...answers, unknown]) {
      assert.equal(json.error?.code, -32602);
      assert.equal(json.error?.message, unknown.json.error?.message);
    }
    const own = await call(url, 'tasks/get', { taskId }, { headers: ADMIN, capabilities });
    assert.equal((own.json.result as unknown as { taskId: string }).taskId, taskId);
  }
});

test('the official clients work with a token, see their tools and report a refusal', async (t) => {
  const requestInit = { headers: GUEST };
  const [url] = modern.urls as [URL];
  const one = new Client1({ name: 'one', version: '1' });
  await one.connect(new Transport1(url, { requestInit }));
  const two = new Client2({ name: 'two', version: '1' }, { versionNegotiation: { mode: 'auto' } });
  await two.connect(new Transport2(url, { requestInit }));
  t.after(async () => {
    await one.close();
    await two.close();
  });
  for (const client of [one, two]) {
    const { tools } = await client.listTools();
    assert.ok(tools.length > 0 && !tools.some(({ name }) => name === FORBIDDEN));
    const answer = await client.callTool({ name: 'echo', arguments: { message: 'hi' } });
    assert.match(JSON.stringify(answer.content), /hi/);
    await assert.rejects(
      client.callTool({ name: FORBIDDEN, arguments: {} }),
      /403|may not be called/,
    );
    assert.ok((await client.listTools()).tools.length > 0, 'it goes on');
  }
});

test('the official clients find the metadata by the challenge, and take it for ours', async () => {
  const [url] = modern.urls as [URL];
  const refused = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify(INITIALIZE),
  });
  assert.equal(refused.status, 401);
  const metadataUrl = challengeIn1(refused).resourceMetadataUrl;
  assert.equal(metadataUrl?.href, 'https://mcp.test/.well-known/oauth-protected-resource/mcp');
  assert.equal(challengeIn2(refused).resourceMetadataUrl?.href, metadataUrl?.href);
  // What the name mcp.test leads to in a cluster: an ingress in front of us.
  const toUs = (target: string | URL, init?: RequestInit): Promise<Response> =>
    fetch(new URL(new URL(target).pathname, url), init);
  const metadata = await discoverOAuthProtectedResourceMetadata(RESOURCE, {}, toUs);
  assert.deepEqual(metadata.authorization_servers, ['https://as.test']);
  const requestedResource = resourceUrlFromServerUrl(RESOURCE);
  assert.ok(checkResourceAllowed({ requestedResource, configuredResource: metadata.resource }));
  const step = await post(url, INITIALIZE, { authorization: 'Bearer unknown-token-0123' });
  assert.equal(challengeIn1(new Response(null, step)).error, 'invalid_token');
});
