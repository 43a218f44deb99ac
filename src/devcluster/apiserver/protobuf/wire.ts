/** The protobuf wire format: a message as its numbered fields. */

export type WireValue = bigint | Uint8Array;

/** Thrown for bytes that are not a protobuf message. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** The fields of a message in their order; repeated ones appear several times. Throws {@link WireError}. */
export function readFields(bytes: Uint8Array): [number: number, value: WireValue][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: [number, WireValue][] = [];
  let at = 0;
  const take = (length: number): number => {
    const from = at;
    if (length < 0 || from + length > bytes.length)
      throw new WireError('a field ends behind the message');
    at += length;
    return from;
  };
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[take(1)] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new WireError('a number is longer than 64 bits');
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    switch (tag & 7) {
      case 0:
        fields.push([number, varint()]);
        break;
      case 1:
        fields.push([number, view.getBigUint64(take(8), true)]);
        break;
      case 2: {
        const length = Number(varint());
        const from = take(length);
        fields.push([number, bytes.subarray(from, from + length)]);
        break;
      }
      case 5:
        fields.push([number, BigInt(view.getUint32(take(4), true))]);
        break;
      default:
        throw new WireError(`wire type ${tag & 7} is not used here`);
    }
  }
  return fields;
}
