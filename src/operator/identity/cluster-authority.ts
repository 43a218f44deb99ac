/** Where the authority of a cluster lies: in a Secret that goes with it. */
import type { McpCluster } from '../../api/index.ts';
import { authoritySecret, objectNames, ownerOf } from '../core/index.ts';
import { refuseForeign } from '../ownership.ts';
import type { AuthorityPlace } from './authority.ts';

export function clusterAuthority(cluster: McpCluster): AuthorityPlace {
  const { namespace, name } = cluster.metadata;
  return {
    namespace,
    name: objectNames(name).authoritySecret,
    commonName: `${namespace}/${name}`,
    secretOf: (data) => authoritySecret(cluster, data),
    check: (found) => refuseForeign(found, ownerOf(cluster)),
  };
}
