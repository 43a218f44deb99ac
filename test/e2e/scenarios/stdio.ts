/** A server that speaks stdio as a cluster: it has a bridge before it, and its sessions outlive its pods. */
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { MCP_CLUSTERS } from '../../../src/api/index.ts';
import { ownerOf } from '../../../src/cli/demo/kill.ts';
import { eventually } from '../../eventually.ts';
import { readSample } from '../arena.ts';
import { NAMESPACE } from '../manifests.ts';
import { scenario } from '../scenario.ts';
import { withMembers } from '../sessions.ts';

const NAME = 'memory';

const stdio = scenario('a stdio server as a cluster: kill -9 of its pod', async (arena) => {
  await arena.apply(...(await readSample(arena, 'stdio.yaml')));
  await arena.condition(NAME, 'Available');
  await eventually(
    'three ready pods',
    async () => (await arena.get(NAME)).status?.readyReplicas === 3,
    60_000,
  );
  const client = new Client({ name: 'e2e', version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(await arena.url(NAME)));
  await client.connect(transport);
  const id = transport.sessionId ?? '';
  const names = async (): Promise<string[]> =>
    (await client.listTools()).tools.map(({ name }) => name);
  const before = await names();
  assert.ok(before.includes('create_entities'));
  const owner = await withMembers(arena, NAME, (members) => ownerOf(members, id));
  await arena.killPod(owner);
  assert.deepEqual(await names(), before, 'the session goes on at another pod');
  assert.equal(transport.sessionId, id);
  await client.close();
  await arena.client.delete(MCP_CLUSTERS, { namespace: NAMESPACE, name: NAME });
});

export const stdioScenarios = [stdio];
