/** The pod that a controller makes of its owner's template, under a name that the API server chooses. */
import type { ApiObject, Pod, PodTemplate } from './kinds.ts';
import { controllerReference } from './stateful-pod.ts';

/** A pod of `owner`, which controls it. */
export function podFromTemplate(
  owner: ApiObject & { readonly spec: { readonly template: PodTemplate } },
): Pod {
  const { metadata = {}, spec } = owner.spec.template;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace as string,
      ...(metadata.labels === undefined ? {} : { labels: metadata.labels }),
      ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ownerReferences: [controllerReference(owner)],
    },
    spec,
  };
}
