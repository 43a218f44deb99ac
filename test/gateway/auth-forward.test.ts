/** What of a caller's credentials the MCP server behind the gateway sees. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_POLICIES, type AuthPolicy } from '../../src/gateway/policies.ts';
import { verifies } from '../requirements.ts';
import { INITIALIZE, post } from './client.ts';
import { startStub } from './stub-server.ts';
import { startWorld } from './world.ts';

const authorization = 'Bearer alice-token-0123456789';

test(verifies('auth.forward'), async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'auth-'));
  const path = join(folder, 'tokens');
  await writeFile(path, 'alice-token-0123456789 acme\n');
  const stub = await startStub();
  let auth: AuthPolicy = { providers: [{ type: 'TokenFile', path }], rules: [] };
  const policies = {
    ...DEFAULT_POLICIES,
    get auth() {
      return auth;
    },
  };
  const world = await startWorld({ backends: [stub.port, stub.port], config: { policies } });
  t.after(async () => {
    await world.stop();
    await stub.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const open = await post(world.pod(0).url, INITIALIZE, { authorization });
  const session = { authorization, 'mcp-session-id': open.headers.get('mcp-session-id') ?? '' };
  /** What the server saw of a request through each pod: one of them is not the owner. */
  const seen = async (): Promise<(string | undefined)[]> => {
    stub.headers.length = 0;
    for (const pod of [0, 1]) {
      const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
      assert.equal((await post(world.pod(pod).url, ping, session)).status, 200);
    }
    const ours = stub.headers.filter((each) => each['user-agent'] === 'node');
    return ours.map((each) => each.authorization);
  };
  assert.deepEqual(await seen(), [authorization, authorization], 'it is part of the resource');
  auth = { ...auth, forwardToken: false };
  assert.deepEqual(await seen(), [undefined, undefined]);
});

test('a header with the name of a member that every object has arrives as it was sent', async (t) => {
  const stub = await startStub();
  const world = await startWorld({ backends: [stub.port, stub.port] });
  t.after(async () => {
    await world.stop();
    await stub.stop();
  });
  const opened = await post(world.pod(0).url, INITIALIZE);
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  stub.headers.length = 0;
  for (const pod of [0, 1]) {
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    const answer = await post(world.pod(pod).url, ping, { ...session, constructor: 'sent' });
    assert.equal(answer.status, 200);
  }
  const ours = stub.headers.filter((each) => each['user-agent'] === 'node');
  assert.deepEqual(
    ours.map((each) => each['constructor']),
    ['sent', 'sent'],
  );
});
