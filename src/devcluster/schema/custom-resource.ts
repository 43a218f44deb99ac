/** CustomResourceDefinitions: the checks of the server at create, and their versions made ready for serving. */
import { err, ok, type Result } from '../../std/index.ts';
import { definitionProblems } from './crd-validation.ts';
import { isObject } from './json.ts';
import { compileSchema } from './structural.ts';
import type {
  CompiledCustomResource,
  CompiledVersion,
  FieldProblem,
  JsonObject,
  JsonSchema,
  PrinterColumn,
  ResourceNames,
  ScalePaths,
} from './types.ts';

const AGE: PrinterColumn = {
  name: 'Age',
  type: 'date',
  description:
    'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed ' +
    'to be set in happens-before order across separate operations. Clients may not set this value. It is represented in ' +
    'RFC3339 form and is in UTC.',
  jsonPath: '.metadata.creationTimestamp',
};

interface DefinitionSpec {
  group: string;
  scope: 'Namespaced' | 'Cluster';
  names: Partial<ResourceNames> & { plural: string; kind: string };
  versions: VersionSpec[];
}

interface VersionSpec {
  name: string;
  served: boolean;
  storage: boolean;
  deprecated?: boolean;
  deprecationWarning?: string;
  schema?: { openAPIV3Schema?: JsonSchema };
  additionalPrinterColumns?: PrinterColumn[];
  subresources?: { status?: JsonObject; scale?: ScalePaths };
}

/** Checks a CustomResourceDefinition (defaults applied or not) as the server does at create, and compiles its versions. */
export function compileCustomResource(
  crd: JsonObject,
): Result<CompiledCustomResource, FieldProblem[]> {
  const problems = definitionProblems(crd);
  if (problems.length > 0) return err(problems);
  const { group, scope, names, versions } = crd['spec'] as DefinitionSpec;
  return ok({
    group,
    scope,
    names: {
      plural: names.plural,
      singular: names.singular ?? names.kind.toLowerCase(),
      kind: names.kind,
      listKind: names.listKind ?? `${names.kind}List`,
      shortNames: names.shortNames ?? [],
      categories: names.categories ?? [],
    },
    versions: versions.map(compileVersion),
  });
}

function compileVersion(version: VersionSpec): CompiledVersion {
  const { scale, status } = version.subresources ?? {};
  const schema = version.schema?.openAPIV3Schema ?? {};
  return {
    name: version.name,
    served: version.served,
    storage: version.storage,
    deprecated: version.deprecated ?? false,
    ...(version.deprecationWarning !== undefined && {
      deprecationWarning: version.deprecationWarning,
    }),
    schema: compileSchema(schema, scale && ((object) => scaleProblems(object, scale))),
    columns: version.additionalPrinterColumns ?? [AGE],
    subresources: { status: status !== undefined, ...(scale !== undefined && { scale }) },
  };
}

/** The server reads the replicas through the path of the scale subresource at every write. */
function scaleProblems(object: JsonObject, { specReplicasPath }: ScalePaths): FieldProblem[] {
  let value: unknown = object;
  const fail = (reason: string): FieldProblem[] => [
    {
      field: specReplicasPath,
      reason: 'FieldValueInvalid',
      message: `Invalid value: 0: ${reason}`,
      value: 0,
    },
  ];
  const accessor = (expected: string): FieldProblem[] =>
    fail(
      `${specReplicasPath} accessor error: ${goText(value)} is of the type ${goType(value)}, expected ${expected}`,
    );
  for (const part of specReplicasPath.split('.').slice(1)) {
    if (!isObject(value)) return accessor('map[string]interface{}');
    value = value[part];
    if (value === undefined) return [];
  }
  if (!Number.isInteger(value)) return accessor('int64');
  const replicas = value as number;
  const problem = (sentence: string): FieldProblem[] => [
    {
      field: specReplicasPath,
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${replicas}: ${sentence}`,
      value: replicas,
    },
  ];
  if (replicas < 0) return problem('should be a non-negative integer');
  if (replicas > 2 ** 31 - 1) return problem(`should be less than or equal to ${2 ** 31 - 1}`);
  return [];
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (value === null) return '<nil>';
  if (isObject(value)) return 'map[string]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : 'string';
}

function goText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (value === null) return '<nil>';
  if (isObject(value)) {
    const members = Object.keys(value).map((key) => `${key}:${goText(value[key])}`);
    return `map[${members.join(' ')}]`;
  }
  return String(value);
}
