/** Names of tools, asked of real MCP servers of either era. */
import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import { DEFAULT_POLICIES, type GatewayPolicies } from '../../src/gateway/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { startEverything } from './everything.ts';
import { startFixture } from './modern-world.ts';
import { startStub } from './stub-server.ts';
import { startWorld } from './world.ts';

const naming: GatewayPolicies = {
  ...DEFAULT_POLICIES,
  auth: {
    providers: [{ type: 'TokenFile', path: '/nowhere' }],
    rules: [{ tools: ['echo'], effect: 'Allow' }],
  },
};

async function toolsOf(t: TestContext, port: number) {
  const world = await startWorld({ backends: [port], config: { policies: naming } });
  t.after(() => world.stop());
  return eventually('the names of the tools', () => world.pod(0).gateway.status().tools);
}

void suite(verifies('gateway.tool-names'), () => {
  test('of a server that knows sessions only', async (t) => {
    const server = await startEverything();
    t.after(() => server.kill());
    assert.ok((await toolsOf(t, server.port)).includes('echo'));
  });

  test('of a server without sessions', async (t) => {
    const server = await startFixture();
    t.after(() => server.kill());
    assert.ok((await toolsOf(t, server.port)).includes('process_id'));
  });

  test('a session made for that ends with the answer, and is made once', async (t) => {
    const stub = await startStub({
      onCall({ message, response }) {
        if (message.method !== 'tools/list') return false;
        const result = { tools: [{ name: 'echo' }, { name: 'add' }] };
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }));
        return true;
      },
    });
    t.after(() => stub.stop());
    const world = await startWorld({ backends: [stub.port], config: { policies: naming } });
    t.after(() => world.stop());
    const status = () => world.pod(0).gateway.status();
    await eventually('the session to end', () => {
      status();
      return stub.seen.includes('DELETE');
    });
    assert.deepEqual(await eventually('the names', () => status().tools), ['echo', 'add']);
    const count = stub.seen.filter((method) => method === 'initialize').length;
    assert.equal(count, 1);
    assert.ok(stub.seen.includes('notifications/initialized'));
  });

  test('no server is asked for policies that name no tool', async (t) => {
    const stub = await startStub();
    t.after(() => stub.stop());
    const world = await startWorld({ backends: [stub.port] });
    t.after(() => world.stop());
    assert.equal(world.pod(0).gateway.status().tools, undefined);
    // What it sent before would have come before this.
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
    await fetch(`http://127.0.0.1:${stub.port}/mcp`, { method: 'POST', body });
    assert.deepEqual(
      stub.seen.filter((method) => ['initialize', 'tools/list'].includes(method)),
      [],
    );
  });
});
