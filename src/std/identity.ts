/** Identities that must not be mixed up, with one checked constructor each. */
import type { Brand } from './brand.ts';

/** Name of a cluster member; in Kubernetes the pod's name. */
export type NodeId = Brand<string, 'NodeId'>;
/** Client-facing MCP session id, minted by the gateway. */
export type SessionId = Brand<string, 'SessionId'>;

const NODE_ID = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/i;

/** Checked constructor of {@link NodeId}: a DNS subdomain, so that it can be a pod name. */
export function nodeId(value: string): NodeId {
  if (!NODE_ID.test(value))
    throw new RangeError(`not a node id (letters, digits, '-', '.'): ${JSON.stringify(value)}`);
  return value as NodeId;
}

/** True for what the MCP specification allows as a session id: 1..256 visible ASCII characters. */
export function isSessionId(value: string): value is SessionId {
  return value.length <= 256 && /^[\x21-\x7e]+$/.test(value);
}
