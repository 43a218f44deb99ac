/** Clients of the API server that tell a test what the operator does, or let it die. */
import { RESOURCES, type KubeClient } from '../../src/kube/index.ts';

/** `client` of a process that dies once it has deleted a StatefulSet. */
export function dyingWithoutStatefulSet(client: KubeClient, onDeath: () => void): KubeClient {
  let isDead = false;
  const alive = (): void => {
    if (isDead) throw new Error('the process is dead');
  };
  return {
    ...client,
    async apply(type, object, options) {
      alive();
      return client.apply(type, object, options);
    },
    async patch(type, ref, options) {
      alive();
      return client.patch(type, ref, options);
    },
    async delete(type, ref, options) {
      alive();
      await client.delete(type, ref, options);
      isDead = type === RESOURCES.statefulSets;
      if (isDead) onDeath();
    },
  };
}

/** `client` that writes down where clients are sent and which pods are deleted, in order. */
export function telling(client: KubeClient, lines: string[]): KubeClient {
  return {
    ...client,
    apply(type, object, options) {
      if (type === RESOURCES.endpointSlices) {
        const { endpoints: list } = object as unknown as {
          endpoints: { hostname: string; conditions: { ready: boolean } }[];
        };
        const ready = list.filter(({ conditions }) => conditions.ready);
        lines.push(`clients ${ready.map(({ hostname }) => hostname).join(' ')}`);
      }
      return client.apply(type, object, options);
    },
    delete(type, ref, options) {
      if (type === RESOURCES.pods) lines.push(`delete ${ref.name}`);
      return client.delete(type, ref, options);
    },
  };
}
