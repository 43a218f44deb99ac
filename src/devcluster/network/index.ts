/**
 * The laptop cluster's network without network namespaces: cluster addresses and their loopback twins, names for Services
 * and pods, TCP forwarders for Service addresses, and the module (`pod-network.ts`, loaded by Node itself, never imported)
 * that makes a program's sockets and lookups behave as inside a pod.
 */
export { createAddressPool, podCidrOf, twinOf, type AddressPool } from './addresses.ts';
export { clusterNames, type ClusterNames } from './cluster-names.ts';
export {
  createClusterNetwork,
  type ClusterNetwork,
  type ClusterNetworkOptions,
} from './cluster-network.ts';
export { networkVariables, podNetworkModuleUrl, type NetworkEnvironment } from './environment.ts';
export { createServiceProxy, serviceTargets, type ServiceProxy } from './service-proxy.ts';
export { claimNodeNumbers, type NodeNumbers } from './node-numbers.ts';
