/** Manifests as people write them: YAML files with several documents, applied like `kubectl apply --server-side`. */
import { readFile } from 'node:fs/promises';
import { loadAll } from 'js-yaml';
import { UsageError } from '../host/index.ts';
import type { KubeClient, KubeObject } from '../kube/index.ts';
import { resourceTypeOf } from './resource-types.ts';

const FIELD_MANAGER = 'mcp-cluster-cli';

/** The objects in a YAML file, in the file's order. */
export async function readManifest(path: string): Promise<KubeObject[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UsageError(`cannot read ${path}: ${(error as Error).message}`);
  });
  return loadAll(text).filter(
    (document) => document !== null && document !== undefined,
  ) as KubeObject[];
}

/** Applies the objects in order, those without a namespace into `namespace`. */
export async function applyManifest(
  client: KubeClient,
  objects: readonly KubeObject[],
  namespace: string,
): Promise<void> {
  for (const object of objects) {
    const type = resourceTypeOf(object);
    if (type === undefined)
      throw new UsageError(`unknown kind ${object.apiVersion} ${object.kind}`);
    const metadata = type.namespaced ? { namespace, ...object.metadata } : object.metadata;
    await client.apply(type, { ...object, metadata }, { fieldManager: FIELD_MANAGER, force: true });
  }
}
