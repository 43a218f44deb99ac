/** Compiles the structural schema of a custom resource's version: validation with CEL rules, defaults, pruning. */
import { metadataSchema, resolveBuiltin } from './kubernetes-data.ts';
import { withDefaults } from './defaults.ts';
import { normalized } from './normalize.ts';
import { isObject } from './json.ts';
import { pruneValue } from './prune.ts';
import { hasRules, ruleProblems, type CompiledRules } from './rules.ts';
import type { CompiledSchema, FieldProblem, JsonObject, JsonSchema, Pruned } from './types.ts';
import { listTypeProblems, validateValue } from './validate.ts';

const BLOCKING = new Set([
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
  'FieldValueNotSupported',
]);

const RULES_SKIPPED: FieldProblem = {
  field: '<nil>',
  reason: 'FieldValueInvalid',
  message:
    'Invalid value: null: some validation rules were not checked because the object was invalid; ' +
    'correct the existing errors to complete validation',
  value: null,
};

/** More checks of a whole object, run between its schema and its rules. */
export type ExtraCheck = (object: JsonObject) => FieldProblem[];

/**
 * Compiles the (already accepted) structural schema of a CRD version. `check` adds problems that are not in the
 * schema, such as those of the scale subresource. Rules are compiled when first needed.
 */
export function compileSchema(schema: JsonSchema, check?: ExtraCheck): CompiledSchema {
  const compiled: CompiledRules = new WeakMap();
  const withRules = hasRules(schema);
  const resolve = embeddedResolver();
  return {
    schema: withResourceMembers(schema),
    resolve,
    validate(object, old) {
      const body = withoutMetadata(object);
      const problems = [
        ...validateValue(body, schema, '', resolve),
        ...(check?.(object) ?? []),
        ...listTypeProblems(body, schema, '', resolve),
      ];
      if (!withRules) return problems;
      if (problems.some(({ reason }) => BLOCKING.has(reason))) return [...problems, RULES_SKIPPED];
      return [...problems, ...ruleProblems(object, old, schema, '', { resolve, compiled })];
    },
    applyDefaults<T extends JsonObject>(object: T): T {
      const result = withDefaults(object, schema, resolve) as JsonObject;
      if (isObject(result['metadata'])) {
        result['metadata'] = normalized(result['metadata'], metadataSchema());
      }
      return result as T;
    },
    prune<T extends JsonObject>(object: T): Pruned<T> {
      const unknownFields: string[] = [];
      const pruned = pruneValue(object, schema, '', {
        resolve,
        metadata: metadataSchema(),
        isResourceRoot: true,
        unknownFields,
      });
      return { object: pruned as T, unknownFields: unknownFields.sort() };
    },
  };
}

/** The server validates `metadata` by itself, never by the schema of the CRD. */
function withoutMetadata(object: JsonObject): JsonObject {
  const { metadata: _, ...rest } = object;
  return rest;
}

/** The schema of the whole object: what every resource has, and what the CRD declares. */
function withResourceMembers(schema: JsonSchema): JsonSchema {
  return {
    ...schema,
    properties: {
      ...schema.properties,
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: metadataSchema(),
    },
  };
}

/** References lead to the built-in metadata; embedded resources must name their apiVersion and kind. */
function embeddedResolver(): (schema: JsonSchema) => JsonSchema {
  const resolved = new WeakMap<JsonSchema, JsonSchema>();
  return (schema) => {
    if (schema.$ref !== undefined || schema.allOf?.[0]?.$ref !== undefined) {
      return resolveBuiltin(schema);
    }
    if (schema['x-kubernetes-embedded-resource'] !== true) return schema;
    let node = resolved.get(schema);
    if (node === undefined) {
      const required = new Set([...(schema.required ?? []), 'apiVersion', 'kind']);
      node = {
        ...schema,
        required: [...required],
        properties: {
          ...schema.properties,
          apiVersion: { type: 'string' },
          kind: { type: 'string' },
          metadata: metadataSchema(),
        },
      };
      resolved.set(schema, node);
      resolved.set(node, node);
    }
    return node;
  };
}
