/** The small schema language our resources are declared in: OpenAPI v3 as Kubernetes takes it, and its TypeScript type. */

/** A CEL rule of the API server (`x-kubernetes-validations`); `self` is the value the rule stands on. */
export interface ValidationRule {
  readonly rule: string;
  /** The sentence a user reads when the rule fails. */
  readonly message?: string;
  /** CEL that prints the sentence with the given value; `message` is used when it cannot be evaluated. */
  readonly messageExpression?: string;
  /** The field the error names, below the value the rule stands on. */
  readonly fieldPath?: string;
  readonly reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired';
}

/** The subset of a structural schema that we use. */
export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly (string | number)[];
  readonly format?: 'int32' | 'int64' | 'date-time';
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly anyOf?: readonly Schema[];
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic';
  readonly 'x-kubernetes-validations'?: readonly ValidationRule[];
}

type RequiredOf<S> = S extends { readonly required: readonly (infer R)[] } ? R : never;

/** A field is there when it is required or has a default, because the API server fills defaults on read and write. */
type PresentKeys<P, R> = {
  [K in keyof P]: K extends R ? K : P[K] extends { readonly default: unknown } ? K : never;
}[keyof P];

type ObjectOf<P, R> = {
  readonly [K in PresentKeys<P, R>]: FromSchema<P[K]>;
} & {
  readonly [K in Exclude<keyof P, PresentKeys<P, R>>]?: FromSchema<P[K]>;
};

/** The TypeScript type of the values a schema admits, as the API server hands them out: defaults applied. */
export type FromSchema<S> = S extends { readonly 'x-kubernetes-int-or-string': true }
  ? number | string
  : S extends { readonly enum: readonly (infer E)[] }
    ? E
    : S extends { readonly type: 'string' }
      ? string
      : S extends { readonly type: 'integer' }
        ? number
        : S extends { readonly type: 'boolean' }
          ? boolean
          : S extends { readonly type: 'array'; readonly items: infer I }
            ? readonly FromSchema<I>[]
            : S extends { readonly properties: infer P }
              ? ObjectOf<P, RequiredOf<S>>
              : S extends { readonly additionalProperties: infer A }
                ? Readonly<Record<string, FromSchema<A>>>
                : never;

/** A CEL string literal. */
export function celString(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

export const DURATION_PATTERN = '^([0-9]+([.][0-9]+)?(ms|s|m|h))+$';
export const QUANTITY_PATTERN =
  '^[0-9]+([.][0-9]*)?([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$|^[.][0-9]+([numkMGTPE]|[KMGTPE]i)?$';

/** CEL: the text at `path` is a duration, so that `duration(path)` cannot fail. */
export function celIsDuration(path: string): string {
  return `${path}.matches(${celString(DURATION_PATTERN)})`;
}

/** A duration such as `50ms` or `1h30m`, between `min` and `max` (durations themselves). */
export function duration<const D extends string>(
  description: string,
  options: { readonly default: D; readonly min: string; readonly max: string },
) {
  return { ...optionalDuration(description, options), default: options.default } as const;
}

/** A duration without a default. */
export function optionalDuration(
  description: string,
  { min, max }: { readonly min: string; readonly max: string },
) {
  const parses = celIsDuration('self');
  return {
    type: 'string',
    description: `${description} A duration between ${min} and ${max}, such as 50ms, 1.5s or 8h.`,
    maxLength: 32,
    'x-kubernetes-validations': [
      {
        rule: parses,
        message: 'must be a duration such as 50ms, 1.5s or 8h',
        messageExpression: `'"' + self + '" is not a duration such as 50ms, 1.5s or 8h'`,
      },
      {
        rule: `!${parses} || (duration(self) >= duration('${min}') && duration(self) <= duration('${max}'))`,
        message: `must be between ${min} and ${max}`,
        messageExpression: `'"' + self + '" is not between ${min} and ${max}'`,
      },
    ],
  } as const;
}

/** The defaults of `properties` as one object: the API server validates a default before it fills in nested ones. */
function collectedDefaults(properties: Readonly<Record<string, Schema>>): Record<string, unknown> {
  const withDefault = Object.entries(properties).filter(([, field]) => field.default !== undefined);
  return Object.fromEntries(withDefault.map(([name, field]) => [name, field.default]));
}

/** An object that groups fields; present even when the user leaves it out. */
export function group<const P extends Readonly<Record<string, Schema>>>(
  description: string,
  properties: P,
  rules: readonly ValidationRule[] = [],
) {
  return {
    type: 'object',
    description,
    default: collectedDefaults(properties),
    properties,
    ...(rules.length > 0 ? { 'x-kubernetes-validations': rules } : {}),
  } as const;
}

/** A whole number with a default and bounds. */
export function integer(
  description: string,
  options: { readonly default: number; readonly minimum: number; readonly maximum: number },
) {
  return {
    type: 'integer',
    format: 'int64',
    description,
    default: options.default,
    minimum: options.minimum,
    maximum: options.maximum,
  } as const;
}

/** A yes or no with a default. */
export function flag<const D extends boolean>(description: string, byDefault: D) {
  return { type: 'boolean', description, default: byDefault } as const;
}

/** A quantity as Kubernetes writes it, such as `500m` or `64Mi`; more than nothing. */
export function quantity(description: string) {
  return {
    'x-kubernetes-int-or-string': true,
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    description,
    maxLength: 64,
    'x-kubernetes-validations': [
      {
        rule: `type(self) == int ? self > 0 : (self.matches('${QUANTITY_PATTERN}') && quantity(self).isGreaterThan(quantity('0')))`,
        message: 'must be a quantity above 0 such as 500m, 64Mi or 2',
        messageExpression: `'"' + string(self) + '" is not a quantity above 0 such as 500m, 64Mi or 2'`,
      },
    ],
  } as const;
}

/** An https URL. */
export function httpsUrl(description: string) {
  return {
    type: 'string',
    description,
    minLength: 1,
    maxLength: 1024,
    'x-kubernetes-validations': [
      {
        rule: "isURL(self) && url(self).getScheme() == 'https' && url(self).getHostname() != ''",
        message: 'must be an https URL',
        messageExpression: `'"' + self + '" is not an https URL such as https://login.example.com'`,
      },
    ],
  } as const;
}

/** A list of different texts, each at most `lengthMax` long. */
export function names<const I extends object>(
  description: string,
  options: { readonly max: number; readonly lengthMax: number; readonly min?: number },
  item: I = {} as I,
) {
  return {
    type: 'array',
    description,
    ...(options.min === undefined ? {} : { minItems: options.min }),
    maxItems: options.max,
    'x-kubernetes-list-type': 'set',
    items: { type: 'string', minLength: 1, maxLength: options.lengthMax, ...item },
  } as const;
}

/** A TCP port with a default. */
export function port(description: string, byDefault: number) {
  return {
    type: 'integer',
    format: 'int32',
    description,
    default: byDefault,
    minimum: 1,
    maximum: 65_535,
  } as const;
}

/** An absolute URL path with a default. */
export function urlPath(description: string, byDefault: string) {
  return {
    type: 'string',
    description,
    default: byDefault,
    maxLength: 256,
    'x-kubernetes-validations': [
      {
        rule: "self.matches('^/[A-Za-z0-9._~/-]*$')",
        message: 'must be an absolute URL path such as /mcp',
        messageExpression: `'"' + self + '" is not an absolute URL path such as /mcp'`,
      },
    ],
  } as const;
}
