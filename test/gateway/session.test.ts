/** A session through any gateway, with the real server-everything and the official client. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { startEverything, type ServerProcess } from './everything.ts';
import { startWorld, type World } from './world.ts';

let servers: ServerProcess[] = [];
let world: World;

before(async () => {
  servers = await Promise.all([startEverything(), startEverything()]);
  world = await startWorld({ backends: servers.map((server) => server.port) });
});
after(async () => {
  await world.stop();
  await Promise.all(servers.map((server) => server.kill()));
});

test('echo', async () => {
  const client = new Client({ name: 'test', version: '1' });
  const transport = new StreamableHTTPClientTransport(world.pod(0).url);
  await client.connect(transport);
  const tools = await client.listTools();
  assert.ok(tools.tools.length > 3);
  const answer = await client.callTool({ name: 'echo', arguments: { message: 'hi' } });
  assert.deepEqual(answer.content, [{ type: 'text', text: 'Echo: hi' }]);
  console.log(transport.sessionId, world.events);
  await client.close();
});
