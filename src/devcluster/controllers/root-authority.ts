/** The ConfigMap `kube-root-ca.crt` of every namespace: by it a pod knows the API server. */
import { isNotFound, RESOURCES } from '../../kube/index.ts';
import type { ConfigMap } from '../core/index.ts';
import { SETTLED, type ControllerContext, type RunningController } from './context.ts';
import { createWatchedController, onChangeOf } from './watched-controller.ts';
import { createMissing } from './writes.ts';

const NAME = 'kube-root-ca.crt';

/** Keeps the ConfigMap what it should be, also when somebody changes or deletes it. */
export function createRootAuthorityPublisher(
  context: ControllerContext,
  authority: string,
): RunningController {
  const { client, informers } = context;
  return createWatchedController(context, {
    name: 'root-ca-certificate-publisher',
    triggers: [
      onChangeOf(informers.namespaces, ({ metadata }) => [metadata.name as string]),
      onChangeOf(informers.configMaps, ({ metadata }) =>
        metadata.name === NAME ? [metadata.namespace as string] : [],
      ),
    ],
    async reconcile(namespace) {
      const found = informers.namespaces.get(namespace);
      if (found === undefined || found.metadata.deletionTimestamp !== undefined) return SETTLED;
      const current = informers.configMaps.get(`${namespace}/${NAME}`);
      const data = { 'ca.crt': authority };
      if (current === undefined) {
        await createMissing<ConfigMap>(client, RESOURCES.configMaps, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: NAME, namespace },
          data,
        });
      } else if (current.data?.['ca.crt'] !== authority) {
        await client
          .patch(RESOURCES.configMaps, { namespace, name: NAME }, { type: 'merge', body: { data } })
          .catch((error: unknown) => {
            if (!isNotFound(error)) throw error;
          });
      }
      return SETTLED;
    },
  });
}
