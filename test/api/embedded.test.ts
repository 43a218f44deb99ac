/** The laptop's API server says of a McpCluster what a real one says, so that what is tried out there is right elsewhere. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { loadAll } from 'js-yaml';
import { MCP_CLUSTERS, mcpClusterCrd } from '../../src/api/index.ts';
import type { KubeObject } from '../../src/kube/index.ts';
import { startServer } from '../devcluster/apiserver/fixture.ts';
import { eventually } from '../eventually.ts';
import { userCluster } from '../operator/real-api.ts';
import { verifies } from '../requirements.ts';
import { REFUSED } from './refused.ts';

const SAMPLES = new URL('../../deploy/samples/', import.meta.url);
const { group, version, plural } = MCP_CLUSTERS;
const PATH = `/apis/${group}/${version}/namespaces/default/${plural}`;

test(verifies('api.bad-input'), async (t) => {
  const server = await startServer(t);
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const { status } = await server.call('POST', definitions, mcpClusterCrd());
  assert.equal(status, 201);
  const create = (object: object) =>
    server.call('POST', `${PATH}?dryRun=All&fieldValidation=Strict`, object);
  await eventually('the definition to be served', async () => {
    return (await server.call('GET', PATH)).status === 200;
  });
  for (const [spec, path, says] of REFUSED) {
    await t.test(`${path}: ${JSON.stringify(spec)}`, async () => {
      const { status: code, body } = await create(userCluster('default', 'bad', spec));
      assert.ok([400, 422].includes(code), JSON.stringify(body));
      assert.ok(body.message.includes(path), body.message);
      assert.match(body.message, says);
    });
  }
  for (const file of (await readdir(SAMPLES)).filter((name) => name.endsWith('.yaml'))) {
    await t.test(`the sample ${file} is taken`, async () => {
      const objects = loadAll(await readFile(new URL(file, SAMPLES), 'utf8')) as KubeObject[];
      for (const object of objects.filter(({ kind }) => kind === MCP_CLUSTERS.kind)) {
        const { status: code, body } = await create(object);
        assert.equal(code, 201, JSON.stringify(body));
      }
    });
  }
});
