/**
 * Kubernetes' protobuf encoding, reading only: kubectl and Go programs send built-in kinds in it, whatever the server
 * offers. A message becomes the JSON object that the same program would have sent as JSON. `messages.json` is generated.
 */
import { timeText } from '../../../std/index.ts';
import { isObject, type JsonObject } from '../json.ts';
import { messageOf, type Field } from './messages.ts';
import { readFields, WireError, type WireValue } from './wire.ts';

export { asGoWritesIt } from './go-values.ts';

/** Every document begins with these bytes: `k8s` and a zero. */
const MAGIC = [0x6b, 0x38, 0x73, 0x00];
const DEPTH_MAX = 64;

/** Thrown for a document that is no Kubernetes protobuf, or of a kind that is not known here. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

/** Decodes a `runtime.Unknown` envelope and the object in it. Throws {@link ProtobufError}. */
export function decodeProtobuf(bytes: Uint8Array): JsonObject {
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) {
    throw new ProtobufError('provided data does not appear to be a protobuf message');
  }
  try {
    return decodeEnvelope(bytes.subarray(MAGIC.length));
  } catch (error) {
    if (error instanceof WireError) throw new ProtobufError(error.message);
    throw error;
  }
}

function decodeEnvelope(bytes: Uint8Array): JsonObject {
  const envelope = new Map(readFields(bytes));
  const type = new Map(readFields(asBytes(envelope.get(1))));
  const apiVersion = text(type.get(1));
  const kind = text(type.get(2));
  const message = messageOf(apiVersion, kind);
  if (message === undefined) {
    throw new ProtobufError(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`,
    );
  }
  return { apiVersion, kind, ...decodeMessage(message.name, asBytes(envelope.get(2)), 0) };
}

const asBytes = (value: WireValue | undefined): Uint8Array =>
  value instanceof Uint8Array ? value : new Uint8Array();
const text = (value: WireValue | undefined): string => Buffer.from(asBytes(value)).toString('utf8');

function decodeMessage(name: string, bytes: Uint8Array, depth: number): JsonObject {
  if (depth > DEPTH_MAX) throw new ProtobufError('the message is nested too deeply');
  const fields = new Map((messageOf(name)?.fields ?? []).map((field) => [field[0], field]));
  const result: JsonObject = {};
  for (const [number, wire] of readFields(bytes)) {
    const field = fields.get(number);
    if (field !== undefined) addField(result, field, wire, depth);
  }
  return result;
}

function addField(result: JsonObject, field: Field, wire: WireValue, depth: number): void {
  const [, name, type, flags] = field;
  if (flags.includes('m')) {
    const entry = new Map(readFields(asBytes(wire)));
    const map = isObject(result[name]) ? result[name] : {};
    map[text(entry.get(1))] = decodeValue(type, entry.get(2) ?? empty(type), depth);
    result[name] = map;
    return;
  }
  const value = decodeValue(type, wire, depth);
  if (name === '') Object.assign(result, value);
  else if (flags.includes('r')) {
    const list = Array.isArray(result[name]) ? (result[name] as unknown[]) : [];
    list.push(value);
    result[name] = list;
  } else if (flags.includes('z') || !isZero(value)) result[name] = value;
}

/** What Go's JSON encoder leaves out under `omitempty`: Go sends it in protobuf all the same. */
function isZero(value: unknown): boolean {
  return value === '' || value === 0 || value === false || value === null;
}

const empty = (type: string): WireValue =>
  type === 'bool' || type.startsWith('int') ? 0n : new Uint8Array();

const META = 'k8s.io.apimachinery.pkg.apis.meta.v1.';

/** Types whose JSON is not an object of their fields. */
const SPECIAL: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  [`${META}Time`]: (bytes) => time(bytes, 0),
  [`${META}MicroTime`]: (bytes) => time(bytes, 6),
  [`${META}FieldsV1`]: rawJson,
  'k8s.io.apimachinery.pkg.runtime.RawExtension': rawJson,
  'k8s.io.apimachinery.pkg.api.resource.Quantity': (bytes) =>
    text(new Map(readFields(bytes)).get(1)),
  'k8s.io.apimachinery.pkg.util.intstr.IntOrString': intOrString,
};

function decodeValue(type: string, wire: WireValue, depth: number): unknown {
  switch (type) {
    case 'string':
      return text(wire);
    case 'bytes':
      return Buffer.from(asBytes(wire)).toString('base64');
    case 'bool':
      return wire !== 0n;
    case 'int32':
    case 'int64':
      return Number(wire);
    case 'double':
      return new Float64Array(BigUint64Array.of(wire as bigint).buffer)[0];
    default:
      return SPECIAL[type]?.(asBytes(wire)) ?? decodeSpecialOrMessage(type, asBytes(wire), depth);
  }
}

/** A special type may mean null; everything else is a message. */
function decodeSpecialOrMessage(type: string, bytes: Uint8Array, depth: number): unknown {
  return type in SPECIAL ? null : decodeMessage(type, bytes, depth + 1);
}

function time(bytes: Uint8Array, digits: number): string | null {
  const fields = new Map(readFields(bytes));
  const seconds = Number(fields.get(1) ?? 0n);
  const nanoseconds = Number(fields.get(2) ?? 0n);
  if (bytes.length === 0 || seconds < -62_135_596_800 + 1) return null;
  const whole = timeText(seconds * 1000);
  const fraction = String(nanoseconds).padStart(9, '0').slice(0, digits);
  return digits === 0 ? whole : whole.replace('Z', `.${fraction}Z`);
}

function rawJson(bytes: Uint8Array): unknown {
  const raw = text(new Map(readFields(bytes)).get(1));
  try {
    return raw === '' ? null : (JSON.parse(raw) as unknown);
  } catch {
    throw new ProtobufError('a raw member is not JSON');
  }
}

function intOrString(bytes: Uint8Array): number | string {
  const fields = new Map(readFields(bytes));
  return fields.get(1) === 1n ? text(fields.get(3)) : Number(fields.get(2) ?? 0n);
}
