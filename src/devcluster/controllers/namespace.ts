/** Namespaces: their content goes before they do, and each has its default service account. */
import {
  isConflict,
  isNotFound,
  RESOURCES,
  type KubeResource,
  type Outcome,
} from '../../kube/index.ts';
import {
  SETTLED,
  type ControllerContext,
  type Namespace,
  type RunningController,
} from './context.ts';
import type { ObjectGraph } from './object-graph.ts';
import { createWatchedController, onChangeOf } from './watched-controller.ts';
import { createMissing, deleteExactly } from './writes.ts';

const FINALIZER = 'kubernetes';
/** Pods need their grace period: the namespace is looked at again until it is empty. */
const POLL_MS = 200;

export function createNamespaceController(
  context: ControllerContext,
  graph: ObjectGraph,
): RunningController {
  const { informers } = context;
  return createWatchedController(context, {
    name: 'namespace',
    triggers: [onChangeOf(informers.namespaces, ({ metadata }) => [metadata.name as string])],
    reconcile: (name) => reconcile(context, graph, name),
  });
}

async function reconcile(
  context: ControllerContext,
  graph: ObjectGraph,
  name: string,
): Promise<Outcome> {
  const { client, informers } = context;
  const namespace = informers.namespaces.get(name);
  if (namespace?.metadata.deletionTimestamp === undefined) return SETTLED;
  if (!(namespace.spec?.finalizers ?? []).includes(FINALIZER)) return SETTLED;
  const content = graph.inNamespace(name);
  for (const { type, object } of content)
    if (object.metadata.deletionTimestamp === undefined) await deleteExactly(client, type, object);
  if (content.length > 0 || !graph.isComplete()) return { kind: 'requeueAfter', afterMs: POLL_MS };
  await finalize(context, namespace);
  return SETTLED;
}

async function finalize({ client }: ControllerContext, namespace: Namespace): Promise<void> {
  const { name } = namespace.metadata;
  const finalizers = (namespace.spec?.finalizers ?? []).filter((one) => one !== FINALIZER);
  const body = { ...namespace, spec: { ...namespace.spec, finalizers } };
  try {
    await client.raw('PUT', `/api/v1/namespaces/${name}/finalize`, { body });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

export function createServiceAccountController(context: ControllerContext): RunningController {
  const { informers, client } = context;
  return createWatchedController(context, {
    name: 'serviceaccount',
    triggers: [
      onChangeOf(informers.namespaces, ({ metadata }) => [metadata.name as string]),
      onChangeOf(informers.serviceAccounts, ({ metadata }) => [metadata.namespace as string]),
    ],
    async reconcile(name) {
      const namespace = informers.namespaces.get(name);
      if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined)
        return SETTLED;
      if (informers.serviceAccounts.get(`${name}/default`) !== undefined) return SETTLED;
      const account: KubeResource = {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'default', namespace: name },
      };
      await createMissing(client, RESOURCES.serviceAccounts, account);
      return SETTLED;
    },
  });
}
