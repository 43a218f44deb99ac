/** The documents of `kubectl explain`: every reference leads somewhere, definitions are merged in. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { openApiDiscovery, openApiDocument } from '../../../src/devcluster/schema/index.ts';
import { widget } from './model.ts';

interface Document {
  readonly paths: Record<
    string,
    Record<string, { 'x-kubernetes-group-version-kind'?: { kind: string } }>
  >;
  readonly components: {
    readonly schemas: Record<string, { properties?: Record<string, object> }>;
  };
}

test('every document that discovery lists exists, and its references resolve', () => {
  const { paths } = openApiDiscovery([widget]) as { paths: Record<string, object> };
  assert.ok('api/v1' in paths && 'apis/apps/v1' in paths && 'apis/example.com/v1' in paths);
  for (const path of Object.keys(paths)) {
    const document = openApiDocument(path, [widget]) as unknown as Document;
    const { schemas } = document.components;
    for (const [, name] of JSON.stringify(document).matchAll(
      /"#\/components\/schemas\/([^"]+)"/g,
    )) {
      assert.ok(name !== undefined && name in schemas, `${path}: ${name}`);
    }
  }
  assert.equal(openApiDocument('apis/nothing/v1', [widget]), undefined);
});

test('a custom resource has its kind, its fields and a patch that takes fieldValidation', () => {
  const document = openApiDocument('apis/example.com/v1', [widget]) as unknown as Document;
  const { properties } = document.components.schemas['com.example.v1.Widget'] ?? {};
  assert.deepEqual(Object.keys(properties ?? {}).sort(), [
    'apiVersion',
    'kind',
    'metadata',
    'spec',
    'status',
  ]);
  const item = document.paths['/apis/example.com/v1/namespaces/{namespace}/widgets/{name}'];
  assert.equal(item?.['get']?.['x-kubernetes-group-version-kind']?.kind, 'Widget');
  assert.match(JSON.stringify(item['patch']), /"fieldValidation"/);
});
