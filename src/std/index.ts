/** Band 0: the small vocabulary every other folder is written in. It imports nothing. */
export { assert, InvariantError, required, unreachable } from './assert.ts';
export { createBackoff, type Backoff, type BackoffOptions } from './backoff.ts';
export { decodeBase64, encodeBase64 } from './base64.ts';
export type { Brand } from './brand.ts';
export { UNUSABLE_DATA_EXIT_CODE } from './exit-codes.ts';
export { FOUNDED_INDEX } from './founding.ts';
export { hashText } from './hash.ts';
export { isSessionId, nodeId, type NodeId, type SessionId } from './identity.ts';
export { microTimeText, timeSeconds, timeText } from './instant.ts';
export { bundleOf, certificatesIn, unitedBundle } from './pem.ts';
export { parseQuantity } from './quantity.ts';
export { integerBetween, seededRandom, shuffled, type Random } from './random.ts';
export { err, ok, type Err, type Ok, type Result } from './result.ts';
export { RPC_ERRORS, RpcError, type ConnectFailure, type RpcErrorCode } from './rpc-error.ts';
export { STARTUP_MS_MAX } from './startup.ts';
export {
  delay,
  parseDuration,
  withinTime,
  type CancelTimer,
  type Clock,
  type Millis,
} from './time.ts';
export { VERSION } from './version.ts';
