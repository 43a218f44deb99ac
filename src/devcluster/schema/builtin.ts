/** The built-in kinds: their schemas, defaults and resources, from data generated out of a real kube-apiserver. */
import { builtinDefaults } from './builtin-defaults.ts';
import { goTypeProblem } from './go-types.ts';
import { kubernetesData, resolveBuiltin } from './kubernetes-data.ts';
import { pruneValue } from './prune.ts';
import type { CompiledSchema, JsonObject, JsonSchema, Pruned } from './types.ts';

let byKind: Map<string, JsonSchema> | undefined;
const compiledByKind = new Map<string, CompiledSchema>();

function kindIndex(): Map<string, JsonSchema> {
  if (byKind === undefined) {
    byKind = new Map();
    for (const schema of Object.values(kubernetesData().schemas)) {
      for (const { group, version, kind } of schema['x-kubernetes-group-version-kind'] ?? []) {
        byKind.set(`${group}/${version}/${kind}`, schema);
      }
    }
  }
  return byKind;
}

/** The schema of a built-in kind (also of List, Status, Scale, DeleteOptions …), or undefined. */
export function builtinSchema(
  group: string,
  version: string,
  kind: string,
): CompiledSchema | undefined {
  const key = `${group}/${version}/${kind}`;
  const schema = kindIndex().get(key);
  if (schema === undefined) return undefined;
  let compiled = compiledByKind.get(key);
  if (compiled === undefined) {
    compiled = compileBuiltin(schema, group, kind);
    compiledByKind.set(key, compiled);
  }
  return compiled;
}

function compileBuiltin(schema: JsonSchema, group: string, kind: string): CompiledSchema {
  return {
    schema,
    resolve: resolveBuiltin,
    // Go types carry no constraints that OpenAPI could say; what Go code checks is the API server's own affair.
    validate: () => [],
    applyDefaults: <T extends JsonObject>(object: T): T =>
      builtinDefaults(group, kind, object, schema) as T,
    prune<T extends JsonObject>(object: T): Pruned<T> {
      const unknownFields: string[] = [];
      const options = { resolve: resolveBuiltin, unknownFields };
      return { object: pruneValue(object, schema, '', options) as T, unknownFields };
    },
  };
}

/**
 * The sentence with which the real server refuses (400 BadRequest) a body whose JSON does not fit the Go type, such as
 * `StatefulSet in version "v1" cannot be handled as a StatefulSet: json: cannot unmarshal string into Go struct field …`.
 */
export function builtinDecodeError(
  group: string,
  version: string,
  kind: string,
  object: JsonObject,
): string | undefined {
  const schema = kindIndex().get(`${group}/${version}/${kind}`);
  if (schema === undefined) return undefined;
  const problem = goTypeProblem(object, schema, resolveBuiltin);
  return problem === undefined
    ? undefined
    : `${kind} in version "${version}" cannot be handled as a ${kind}: ${problem}`;
}
