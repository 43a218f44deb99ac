/** Building blocks of the JSON Schemas that configurations are checked by. */

export type JsonSchema = Readonly<Record<string, unknown>>;

export const text = { type: 'string', minLength: 1 } as const;
export const texts = { type: 'array', items: { type: 'string' } } as const;
export const port = { type: 'integer', minimum: 1, maximum: 65_535 } as const;
export const positive = { type: 'integer', minimum: 1 } as const;
export const whole = { type: 'integer', minimum: 0 } as const;
export const percent = { type: 'integer', minimum: 0, maximum: 100 } as const;
export const flag = { type: 'boolean' } as const;

export const oneOf = (...values: readonly string[]): JsonSchema => ({ enum: values });
export const list = (items: JsonSchema, more: JsonSchema = {}): JsonSchema => ({
  type: 'array',
  items,
  ...more,
});

/** A closed object: every field but the optional ones is required and no other is accepted. */
export function closed(
  properties: Readonly<Record<string, JsonSchema>>,
  optional: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema {
  return {
    type: 'object',
    additionalProperties: false,
    required: Object.keys(properties),
    properties: { ...properties, ...optional },
  };
}

/** `schema` with `value` as default, and every field of it as the default of that field. */
export function withDefaults(schema: JsonSchema, value: unknown): JsonSchema {
  const fields = schema['properties'] as Readonly<Record<string, JsonSchema>> | undefined;
  if (fields === undefined || typeof value !== 'object' || value === null) {
    return { ...schema, default: value };
  }
  const given = value as Readonly<Record<string, unknown>>;
  const properties = Object.entries(fields).map(([name, field]) => [
    name,
    given[name] === undefined ? field : withDefaults(field, given[name]),
  ]);
  return { ...schema, properties: Object.fromEntries(properties), default: value };
}
