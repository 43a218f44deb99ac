/** Where the authority of a cluster lies: in a Secret that goes with it. */
import type { McpCluster } from '../../api/index.ts';
import { ForeignObjectError } from '../applier.ts';
import { authoritySecret, objectNames, ownerOf, ownershipOf } from '../core/index.ts';
import type { AuthorityPlace } from './authority.ts';

export function clusterAuthority(cluster: McpCluster): AuthorityPlace {
  const { namespace, name } = cluster.metadata;
  return {
    namespace,
    name: objectNames(name).authoritySecret,
    commonName: `${namespace}/${name}`,
    secretOf: (data) => authoritySecret(cluster, data),
    check(found) {
      const ownership = ownershipOf(found, ownerOf(cluster));
      if (ownership.kind === 'foreign') throw new ForeignObjectError(found, ownership.owner);
    },
  };
}
