/** Ours against a real kube-apiserver, answer by answer; skipped unless KUBEBUILDER_ASSETS is set. */
import assert from 'node:assert/strict';
import test, { after, before, describe } from 'node:test';
import {
  builtinResources,
  invalidMessage,
  renderTable,
  strictDecodingMessage,
  type KubeObject,
} from '../../../src/devcluster/schema/index.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
import { APPLY_CASES, type ApplyCase } from './apply-cases.ts';
import { KINDS, perform, widgetV1, type Step } from './model.ts';
import { skip, startRealServer, type RealServer, type Reply } from './real-server.ts';
import { POD_STATUSES, TABLE_OBJECTS } from './table-objects.ts';
import { WIDGET_SPECS } from './widget-cases.ts';
import { WIDGET } from './widget.ts';

const PATCH_TYPES = {
  apply: 'application/apply-patch+yaml',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
} as const;

describe('against a real kube-apiserver', { skip }, () => {
  let server: RealServer;
  before(async () => {
    server = await startRealServer();
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const { status, body } = await server.request('POST', crds, WIDGET);
    assert.equal(status, 201, String(body['message']));
    await eventually('widgets to be served', async () => {
      const reply = await server.request('GET', KINDS.cr.path).catch(() => undefined);
      return reply?.status === 200;
    });
  });
  after(() => server.stop());

  test(verifies('schema.apply-equals-real'), async (t) => {
    for (const applyCase of APPLY_CASES) {
      await t.test(applyCase.name, () => replay(server, applyCase));
    }
  });

  test(verifies('schema.validation-equals-real'), async () => {
    const query = '?dryRun=All&fieldValidation=Strict';
    for (const spec of WIDGET_SPECS) {
      const text = `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"},"spec":${spec}}`;
      const { body } = await server.request('POST', `${KINDS.cr.path}${query}`, text);
      const real = body['kind'] === 'Status' ? body['message'] : body['spec'];
      assert.deepEqual(sentences(validated(text)), sentences(real), spec);
    }
  });

  test(verifies('schema.tables-equal-real'), async () => {
    for (const { path, object } of TABLE_OBJECTS) {
      const { status, body } = await server.request('POST', path, object);
      assert.equal(status, 201, String(body['message']));
    }
    for (const { group, version, plural, verbs } of builtinResources()) {
      if (!verbs.includes('list')) continue;
      const prefix = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
      await sameTable(server, { group, version, resource: plural, path: `${prefix}/${plural}` });
    }
    const widgets = { group: 'example.com', version: 'v1', resource: 'widgets' };
    await sameTable(server, { ...widgets, path: KINDS.cr.path, columns: widgetV1.columns });
    for (const status of POD_STATUSES) {
      const pod = '/api/v1/namespaces/default/pods/t1/status';
      const reply = await server.request(
        'PATCH',
        pod,
        { status },
        { 'content-type': PATCH_TYPES.merge },
      );
      assert.equal(reply.status, 200, String(reply.body['message']));
      await sameTable(server, { group: '', version: 'v1', resource: 'pods', path: '/api/v1/pods' });
    }
  });
});

/** A refusal as the set of its sentences: the real server lists them in the order of a Go map. */
function sentences(answer: unknown): unknown {
  if (typeof answer !== 'string') return answer;
  return answer
    .replace(/^(.*?): \[(.*)\]$/s, '$1: $2')
    .split(/, (?=<nil>|\.?spec)/)
    .map((s) => s.replace(/^.*is invalid: /, ''))
    .sort();
}

function validated(text: string): unknown {
  const { schema } = widgetV1;
  const pruned = schema.prune(JSON.parse(text) as KubeObject);
  if (pruned.unknownFields.length > 0) {
    return strictDecodingMessage({ version: 'v1', kind: 'Widget' }, pruned.unknownFields);
  }
  const object = schema.applyDefaults(pruned.object);
  const problems = schema.validate(object);
  if (problems.length === 0) return object['spec'];
  return invalidMessage({ group: 'example.com', kind: 'Widget', name: 'w' }, problems);
}

async function replay(
  server: RealServer,
  { name, kind: kindName, steps }: ApplyCase,
): Promise<void> {
  const kind = KINDS[kindName];
  let live: KubeObject | undefined;
  let resourceVersion: unknown;
  for (const [i, step] of steps.entries()) {
    const label = `step ${i}, ${step.op} by ${step.manager}`;
    const reply = await send(server, step, { kind: kindName, name, resourceVersion });
    const outcome = perform(step, {
      kind,
      name,
      now: reply.date,
      ...(live !== undefined && { live }),
    });
    if (reply.status >= 300) {
      assert.ok('failure' in outcome, `${label}: refused with ${String(reply.body['message'])}`);
      assert.equal(outcome.failure.message, reply.body['message'], label);
      const { details } = reply.body as {
        details?: { causes?: { field: string; message: string }[] };
      };
      const causes = (details?.causes ?? []).map(({ field, message }) => ({ field, message }));
      const ours = 'conflicts' in outcome.failure ? outcome.failure.conflicts : [];
      assert.deepEqual(sorted(ours ?? []), sorted(causes), label);
      continue;
    }
    assert.ok('object' in outcome, `${label}: accepted`);
    live = allocated(outcome.object, reply);
    ({ resourceVersion } = reply.body['metadata'] as { resourceVersion?: unknown });
    assert.deepEqual(comparable(live), comparable(reply.body as KubeObject), label);
  }
}

const sorted = (items: readonly object[]): string[] =>
  items.map((item) => JSON.stringify(item)).sort();

interface Target {
  readonly kind: keyof typeof KINDS;
  readonly name: string;
  readonly resourceVersion: unknown;
}

function send(server: RealServer, step: Step, target: Target): Promise<Reply> {
  const { path, apiVersion, kind } = KINDS[target.kind];
  const query = `?fieldManager=${step.manager}${step.force === true ? '&force=true' : ''}`;
  const item = `${path}/${target.name}${step.sub === undefined ? '' : `/${step.sub}`}${query}`;
  const { metadata, ...body } = step.body as Partial<KubeObject>;
  const { resourceVersion } = target;
  const identified = { apiVersion, kind, ...body, metadata: { name: target.name, ...metadata } };
  if (step.op === 'create') return server.request('POST', path + query, identified);
  if (step.op === 'update') {
    const object = { ...identified, metadata: { ...identified.metadata, resourceVersion } };
    return server.request('PUT', item, object);
  }
  const patch = step.op === 'apply' ? identified : step.body;
  return server.request('PATCH', item, patch, { 'content-type': PATCH_TYPES[step.op] });
}

const ALLOCATED = ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const;

/** What the server gives out is taken over from its reply. */
function allocated(object: KubeObject, { body }: Reply): KubeObject {
  const { creationTimestamp, uid } = body['metadata'] as KubeObject['metadata'];
  const metadata = { ...object.metadata, creationTimestamp, uid } as KubeObject['metadata'];
  if (object.kind !== 'Service') return { ...object, metadata };
  const spec = { ...(object['spec'] as Record<string, unknown>) };
  for (const field of ALLOCATED) spec[field] ??= (body['spec'] as Record<string, unknown>)[field];
  return { ...object, metadata, spec };
}

function comparable(object: KubeObject): unknown {
  const {
    uid: _,
    resourceVersion: _1,
    creationTimestamp: _2,
    generation: _3,
    ...metadata
  } = object.metadata;
  const managedFields = (metadata.managedFields ?? [])
    .map((entry) => ({ ...entry, time: entry.time === undefined ? undefined : 'some time' }))
    .map((entry) => JSON.stringify(entry, sortMembers))
    .sort();
  return JSON.parse(
    JSON.stringify({ ...object, metadata: { ...metadata, managedFields } }),
  ) as unknown;
}

function sortMembers(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function sameTable(
  server: RealServer,
  request: Omit<Parameters<typeof renderTable>[0], 'objects' | 'now'> & { path: string },
): Promise<void> {
  // Ages may tick between the two requests: asked again, they are equal.
  await eventually(
    `the table of ${request.resource}`,
    async () => {
      const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
      const { body: list } = await server.request('GET', request.path);
      const { body: table } = await server.request('GET', request.path, undefined, { accept });
      const rows = table['rows'] as { cells: unknown[]; conditions?: unknown }[];
      const objects = list['items'] as KubeObject[];
      const ours = renderTable({ ...request, objects, now: new Date() });
      const shown = ({
        cells,
        conditions,
      }: {
        cells: unknown[];
        conditions?: unknown;
      }): unknown => [cells, conditions];
      assert.deepEqual(ours.rows.map(shown), rows.map(shown));
      if (request.columns !== undefined) {
        assert.deepEqual(ours.columnDefinitions, table['columnDefinitions']);
      }
      return true;
    },
    5000,
  );
}
