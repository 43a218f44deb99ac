/** The service of the members with a guard: bytes that are no batch become a value that says so, instead of an error inside gRPC. */
import { services, type RpcService, type Wire } from '../rpc/index.ts';
import { required } from '../std/index.ts';

/** Messages in one batch; decoding more could cost far more memory than the batch has bytes. */
export const BATCH_MESSAGES_MAX = 8_192;
const LENGTH_DELIMITED = 2;

/** A batch as it came in, or why it could not be read. */
export type IncomingBatch = Wire.PeerBatch & { readonly unreadable?: 'malformed' | 'oversized' };

type Methods = NonNullable<(typeof services.raftPeer)['methods']>;
const exchange = required(services.raftPeer.definition['Exchange'], 'Exchange is in peer.proto');

export const peerService: RpcService<Methods> = {
  ...services.raftPeer,
  definition: {
    ...services.raftPeer.definition,
    Exchange: { ...exchange, requestDeserialize: readBatch },
  },
};

/** Never throws. */
export function readBatch(bytes: Buffer): IncomingBatch {
  try {
    if (countFields(bytes) > BATCH_MESSAGES_MAX + 1) return unreadable('oversized');
    return exchange.requestDeserialize(bytes) as Wire.PeerBatch;
  } catch {
    return unreadable('malformed');
  }
}

function unreadable(why: 'malformed' | 'oversized'): IncomingBatch {
  return { greeting: null, messages: [], unreadable: why };
}

/** How many fields a batch has, all of which are length-delimited; throws where that is not so. */
function countFields(bytes: Uint8Array): number {
  let count = 0;
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++] as number;
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value;
  };
  while (at < bytes.length) {
    if (varint() % 8 !== LENGTH_DELIMITED) throw new RangeError('no field of a batch');
    const length = varint();
    at += length;
    count += 1;
  }
  return count;
}
