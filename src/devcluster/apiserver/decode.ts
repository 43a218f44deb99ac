/** From the bytes of a request to an object of the expected kind, in the strictness the client asked for. */
import { CORE_SCHEMA, load } from 'js-yaml';
import type { StoredObject } from '../objects/index.ts';
import { builtinDecodeError, strictDecodingMessage } from '../schema/index.ts';
import type { ApiRequest } from './context.ts';
import { asText, clone, isObject, type JsonObject } from './json.ts';
import { decodeProtobuf, ProtobufError } from './protobuf/index.ts';
import type { ResourceDefinition } from './registry.ts';
import { badRequest, invalid, unsupportedMediaType } from './status.ts';
import { problem } from './strategy.ts';

export const JSON_TYPE = 'application/json';
export const YAML_TYPE = 'application/yaml';
export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

/** The media type without parameters, in lower case; JSON when the header is absent. */
export function contentType(request: ApiRequest): string {
  const header = request.headers['content-type'] ?? '';
  const type = header.split(';')[0]?.trim().toLowerCase() ?? '';
  return type === '' ? JSON_TYPE : type;
}

/** Reads a JSON or YAML document. Throws BadRequest for text that is neither. */
export function parseDocument(text: string): unknown {
  const trimmed = text.trimStart();
  try {
    if (trimmed.startsWith('{') || trimmed.startsWith('[')) return JSON.parse(trimmed) as unknown;
  } catch (error) {
    // Flow-style YAML begins like JSON; what neither reader takes is reported as JSON.
    return parseYaml(text, error);
  }
  return parseYaml(text, undefined);
}

function parseYaml(text: string, jsonError: unknown): unknown {
  try {
    return load(text, { schema: CORE_SCHEMA });
  } catch (error) {
    const cause = (jsonError ?? error) as Error;
    throw badRequest(`error decoding the request body: ${cause.message.split('\n')[0]}`);
  }
}

/** The body as a JSON object. Throws 415 for other media types, 400 for other content. */
export async function readObject(request: ApiRequest): Promise<JsonObject> {
  const type = contentType(request);
  const body = await request.body();
  switch (type) {
    case PROTOBUF_TYPE:
      if (request.definition.custom !== undefined) break;
      return parseProtobuf(body);
    case JSON_TYPE:
      return requireObject(parseJson(body.toString('utf8'), request.definition.kind), request);
    case YAML_TYPE:
      return requireObject(parseDocument(body.toString('utf8')), request);
    default:
  }
  const binary = request.definition.custom === undefined ? [PROTOBUF_TYPE] : [];
  throw unsupportedMediaType([JSON_TYPE, YAML_TYPE, ...binary]);
}

/** The options or the small object that a deletion or a subresource is sent; an empty body is an empty object. */
export async function readOptions(request: ApiRequest): Promise<JsonObject> {
  const body = await request.body();
  if (body.length === 0) return {};
  if (contentType(request) === PROTOBUF_TYPE) return parseProtobuf(body);
  const value = parseDocument(body.toString('utf8')) ?? {};
  if (!isObject(value)) throw badRequest('error decoding the request body: not an object');
  return value;
}

function parseProtobuf(body: Buffer): JsonObject {
  try {
    return decodeProtobuf(body);
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw badRequest(`error decoding the request body: ${error.message}`);
  }
}

function requireObject(value: unknown, request: ApiRequest): JsonObject {
  if (isObject(value)) return value;
  throw badRequest(
    `the object provided is unrecognized (must be of type ${request.definition.kind}): couldn't get version/kind; json parse error: not an object`,
  );
}

function parseJson(text: string, kind: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const excerpt = text.length > 60 ? `${text.slice(0, 60)}...` : text;
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${(error as Error).message} (${excerpt})`,
    );
  }
}

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** The `fieldValidation` query parameter; Warn when absent. */
export function fieldValidation(request: ApiRequest): FieldValidation {
  const value = request.query.get('fieldValidation');
  if (value === null || value === '') return 'Warn';
  // Other values are refused together with the other options of a write.
  return value === 'Ignore' || value === 'Strict' ? value : 'Warn';
}

/**
 * Checks kind and shape of what a client sent and drops unknown fields, which are refused under Strict and warned of
 * under Warn. The result is a copy.
 */
export function toObject(
  request: ApiRequest,
  value: JsonObject,
  definition: ResourceDefinition = request.definition,
): StoredObject {
  const typed = withType(value, definition);
  if (definition.custom === undefined) {
    const refused = builtinDecodeError(
      definition.group,
      definition.version,
      definition.kind,
      typed,
    );
    if (refused !== undefined) throw badRequest(refused);
  }
  if (definition.schema === undefined) return clone(typed) as StoredObject;
  const { object, unknownFields } = definition.schema.prune(typed);
  if (unknownFields.length > 0) {
    const mode = fieldValidation(request);
    if (mode === 'Strict') {
      throw badRequest(strictDecodingMessage(definition, unknownFields));
    }
    if (mode === 'Warn') {
      for (const field of unknownFields) request.warn(`unknown field ${JSON.stringify(field)}`);
    }
  }
  return clone(object) as StoredObject;
}

/** Fills kind and apiVersion, refuses others, and makes sure that metadata is an object. */
function withType(value: JsonObject, definition: ResourceDefinition): JsonObject {
  const apiVersion = apiVersionOf(definition);
  const kind = asText(value['kind']) || definition.kind;
  const version = asText(value['apiVersion']) || apiVersion;
  if (kind !== definition.kind || version !== apiVersion)
    throw wrongType(value, kind, version, definition);
  const metadata = value['metadata'] ?? {};
  if (!isObject(metadata)) {
    throw badRequest(
      `${kind} in version ${JSON.stringify(definition.version)} cannot be handled as a ${kind}: json: cannot unmarshal ${jsonType(metadata)} into Go struct field ${kind}.metadata of type v1.ObjectMeta`,
    );
  }
  // Kind and version are written first, as people expect to read them.
  const { kind: _kind, apiVersion: _version, ...rest } = value;
  return { kind, apiVersion, ...rest, metadata };
}

function wrongType(
  value: JsonObject,
  kind: string,
  version: string,
  definition: ResourceDefinition,
): Error {
  if (definition.custom === undefined) {
    const short = version.split('/').at(-1) ?? version;
    return badRequest(
      `${kind} in version ${JSON.stringify(short)} cannot be handled as a ${definition.kind}: no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(version)}`,
    );
  }
  const expected = apiVersionOf(definition);
  if (version !== expected) {
    return badRequest(
      `the API version in the data (${version}) does not match the expected API version (${expected})`,
    );
  }
  const metadata = isObject(value['metadata']) ? value['metadata'] : {};
  return invalid({ group: definition.group, kind }, asText(metadata['name']), [
    problem.invalid('kind', kind, `must be ${definition.kind}`),
  ]);
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

export function apiVersionOf(names: { group: string; version: string }): string {
  return names.group === '' ? names.version : `${names.group}/${names.version}`;
}
