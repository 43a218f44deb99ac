/**
 * Cluster addresses and their loopback twins. Objects carry 10.244.x.y (pods) and 10.96.x.y (Services), as on any
 * cluster; processes of this machine really use 127.244.x.y and 127.96.x.y. This file imports nothing, because the module
 * that is loaded into every container's process needs it.
 */

const CLUSTER_ADDRESS = /^10\.(244|96)\.\d{1,3}\.\d{1,3}$/;

/** True for an address of a pod or Service of the laptop cluster. */
export function isClusterAddress(address: string): boolean {
  return CLUSTER_ADDRESS.test(address);
}

/** The loopback address that stands for a cluster address; any other address is its own twin. */
export function twinOf(address: string): string {
  return CLUSTER_ADDRESS.test(address) ? `127${address.slice(2)}` : address;
}

/** The addresses of node number `node` (1..254). */
export function podCidrOf(node: number): string {
  return `10.244.${node}.0/24`;
}

/** Pod number `pod` (1..254) of a node with the range `podCidr` (a /24). */
export function podAddress(podCidr: string, pod: number): string {
  return podCidr.replace(/\.\d+\/24$/, `.${pod}`);
}

/** Hands out the addresses of one node, a just freed one last, so that a new pod has a new address as on a real cluster. */
export interface AddressPool {
  /** `wanted` when it is free, else the one that is free for longest; undefined when every address is in use. */
  take(wanted?: string): string | undefined;
  release(address: string): void;
}

export function createAddressPool(podCidr: string): AddressPool {
  const free = Array.from({ length: 253 }, (_, index) => podAddress(podCidr, index + 2));
  return {
    take(wanted) {
      const index = wanted === undefined ? -1 : free.indexOf(wanted);
      return index < 0 ? free.shift() : free.splice(index, 1)[0];
    },
    release(address) {
      free.push(address);
    },
  };
}
