/** Definitions and their objects: establishment, discovery, schema, CEL, status, scale, removal. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
import {
  startServer,
  widget,
  widgetDefinition,
  WIDGETS,
  type Body,
  type Endpoint,
  type Server,
} from './fixture.ts';

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const MERGE = { contentType: 'application/merge-patch+json' };

async function install(server: Endpoint): Promise<void> {
  const made = await server.call('POST', DEFINITIONS, widgetDefinition);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  await eventually('the definition to be established', async () => {
    const { body } = await server.call('GET', `${DEFINITIONS}/widgets.example.com`);
    const conditions: Body[] = body.status.conditions ?? [];
    return conditions.some((one) => one.type === 'Established' && one.status === 'True');
  });
}

async function withWidgets(context: TestContext): Promise<Server> {
  const server = await startServer(context);
  await install(server);
  return server;
}

test(verifies('devcluster.api-crd'), async (context) => {
  const server = await withWidgets(context);
  const made = await server.call('POST', WIDGETS, widget('a', { colour: 'blue' }));
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.deepEqual(made.body.spec, { replicas: 3, size: 'S' });
  assert.match(String(made.headers['warning']), /unknown field \\"spec.colour\\"/);
  const even = await server.call('POST', WIDGETS, widget('b', { replicas: 2 }));
  assert.equal(even.status, 422);
  assert.equal(even.body.details.kind, 'Widget');
  assert.match(even.body.details.causes[0].message, /replicas must be odd/);
  assert.equal(even.body.details.causes[0].field, 'spec');
  const wrong = await server.call('POST', WIDGETS, widget('b', { replicas: 'many', size: 'M' }));
  assert.equal(wrong.status, 422);
  assert.ok(wrong.body.details.causes.some((one: Body) => one.field === 'spec.replicas'));
  const strict = await server.call(
    'POST',
    `${WIDGETS}?fieldValidation=Strict`,
    widget('b', { colour: 'x' }),
  );
  assert.equal(strict.status, 400);
  await server.call('PATCH', `${WIDGETS}/a`, { spec: { fixed: 'x' } }, MERGE);
  const change = await server.call('PATCH', `${WIDGETS}/a`, { spec: { fixed: 'y' } }, MERGE);
  assert.match(change.body.message, /fixed is immutable/);
  const strategic = await server.call(
    'PATCH',
    `${WIDGETS}/a`,
    {},
    {
      contentType: 'application/strategic-merge-patch+json',
    },
  );
  assert.equal(strategic.status, 415);
});

test('the status of a custom resource is its own endpoint, and so is its scale', async (context) => {
  const server = await withWidgets(context);
  const made = await server.call('POST', WIDGETS, { ...widget('a'), status: { replicas: 9 } });
  assert.equal(made.body.status, undefined);
  assert.equal(made.body.metadata.generation, 1);
  const status = await server.call(
    'PATCH',
    `${WIDGETS}/a/status`,
    { status: { replicas: 3 }, spec: { replicas: 1 } },
    MERGE,
  );
  assert.deepEqual([status.body.status.replicas, status.body.spec.replicas], [3, 3]);
  assert.equal(status.body.metadata.generation, 1);
  const scale = await server.call('GET', `${WIDGETS}/a/scale`);
  assert.deepEqual(
    [scale.body.kind, scale.body.spec.replicas, scale.body.status.replicas],
    ['Scale', 3, 3],
  );
  const scaled = await server.call('PUT', `${WIDGETS}/a/scale`, {
    ...scale.body,
    spec: { replicas: 5 },
  });
  assert.equal(scaled.body.spec.replicas, 5);
  const refused = await server.call(
    'PATCH',
    `${WIDGETS}/a/scale`,
    { spec: { replicas: 4 } },
    MERGE,
  );
  assert.match(refused.body.message, /replicas must be odd/);
  assert.equal((await server.call('GET', `${WIDGETS}/a`)).body.metadata.generation, 2);
});

test('discovery and Tables know the new resource as soon as it is established', async (context) => {
  const server = await withWidgets(context);
  const old = await server.call('GET', '/apis/example.com/v1');
  assert.deepEqual(
    old.body.resources.map((one: Body) => one.name),
    ['widgets', 'widgets/status', 'widgets/scale'],
  );
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { body } = await server.call('GET', '/apis', undefined, { headers: { accept } });
  const group = body.items.find((one: Body) => one.metadata.name === 'example.com');
  assert.deepEqual(group.versions[0].resources[0].shortNames, ['wd']);
  await server.call('POST', WIDGETS, widget('a'));
  const table = await server.call('GET', WIDGETS, undefined, {
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  });
  assert.deepEqual(
    table.body.columnDefinitions.map((one: Body) => one.name),
    ['Name', 'Replicas'],
  );
  assert.deepEqual(table.body.rows[0].cells, ['a', 3]);
});

test('replacing a custom resource needs its version', async (context) => {
  const server = await withWidgets(context);
  await server.call('POST', WIDGETS, widget('a'));
  const blind = await server.call('PUT', `${WIDGETS}/a`, widget('a', { replicas: 5 }));
  assert.equal(blind.status, 422);
  assert.match(
    blind.body.message,
    /metadata.resourceVersion: Invalid value: 0: must be specified for an update/,
  );
});

test('a definition that is deleted takes its objects with it and waits for their finalizers', async (context) => {
  const server = await withWidgets(context);
  await server.call('POST', WIDGETS, widget('a'));
  const held = widget('b');
  held.metadata.finalizers = ['example.com/hold'];
  await server.call('POST', WIDGETS, held);
  await server.call('DELETE', `${DEFINITIONS}/widgets.example.com`);
  await eventually(
    'the free object to go',
    async () => (await server.call('GET', `${WIDGETS}/a`)).status === 404,
  );
  assert.notEqual(
    (await server.call('GET', `${WIDGETS}/b`)).body.metadata.deletionTimestamp,
    undefined,
  );
  assert.equal((await server.call('POST', WIDGETS, widget('c'))).status, 405);
  await server.call('PATCH', `${WIDGETS}/b`, { metadata: { finalizers: null } }, MERGE);
  await eventually('the definition to go', async () => {
    const reply = await server.call('GET', `${DEFINITIONS}/widgets.example.com`);
    return reply.status === 404;
  });
  assert.equal((await server.call('GET', WIDGETS)).status, 404);
});

test('a definition with a wrong schema is refused with field paths', async (context) => {
  const server = await startServer(context);
  const wrong = structuredClone(widgetDefinition);
  wrong.metadata.name = 'gadgets.example.com';
  const reply = await server.call('POST', DEFINITIONS, wrong);
  assert.equal(reply.status, 422);
  assert.equal(reply.body.details.causes[0].field, 'metadata.name');
});

test('a definition is served, and can be applied again, after a restart on the same folder', async (context) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'apiserver-data-'));
  context.after(() => rm(dataDir, { recursive: true, force: true }));
  const first = await startServer(context, { dataDir });
  await install(first);
  await first.call('POST', WIDGETS, widget('kept'));
  const second = await startServer(context, { dataDir });
  const again = await second.call(
    'PATCH',
    `${DEFINITIONS}/widgets.example.com?fieldManager=test&force=true`,
    widgetDefinition,
    { contentType: 'application/apply-patch+yaml' },
  );
  assert.equal(again.status, 200, JSON.stringify(again.body));
  assert.equal((await second.call('GET', `${WIDGETS}/kept`)).status, 200);
});
