/** Checks of CustomResourceDefinitions, with the wording of the API server. */
import { at, listAt, objectAt, textAt } from './fields.ts';
import { canonicalJson, isObject, jsonEqual } from './json.ts';
import { isJsonPath } from './json-path.ts';
import { schemaProblems } from './structural-problems.ts';
import type { FieldProblem, FieldProblemReason, JsonObject } from './types.ts';

const LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_SENTENCE =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and " +
  "end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];

function problem(field: string, reason: FieldProblemReason, message: string): FieldProblem {
  return { field, reason, message };
}

function required(field: string, detail = ''): FieldProblem {
  const text = detail === '' ? 'Required value' : `Required value: ${detail}`;
  return problem(field, 'FieldValueRequired', text);
}

function invalid(field: string, value: unknown, detail: string): FieldProblem {
  const text = `Invalid value: ${value === undefined ? 'null' : canonicalJson(value)}: ${detail}`;
  return problem(field, 'FieldValueInvalid', text);
}

/** Problems of a CustomResourceDefinition at create; empty when it can be served. */
export function definitionProblems(crd: JsonObject): FieldProblem[] {
  const spec = objectAt(crd, 'spec');
  const versions = listAt(spec, 'versions').filter(isObject);
  return [
    ...nameProblems(crd, spec),
    ...scopeProblems(spec),
    ...storageProblems(spec, versions),
    ...versionProblems(versions),
    ...otherNames(objectAt(spec, 'names')),
    ...(spec['preserveUnknownFields'] === true
      ? [
          invalid(
            'spec.preserveUnknownFields',
            true,
            'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
          ),
        ]
      : []),
  ];
}

function nameProblems(crd: JsonObject, spec: JsonObject): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const name = textAt(crd, 'metadata', 'name');
  const [plural, group] = [textAt(spec, 'names', 'plural'), textAt(spec, 'group')];
  if (name !== `${plural}.${group}`) {
    problems.push(invalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (group === '') problems.push(required('spec.group'));
  return problems;
}

function scopeProblems(spec: JsonObject): FieldProblem[] {
  const scope = textAt(spec, 'scope');
  if (scope === '') return [required('spec.scope')];
  if (scope === 'Cluster' || scope === 'Namespaced') return [];
  const message = `Unsupported value: ${JSON.stringify(scope)}: supported values: "Cluster", "Namespaced"`;
  return [problem('spec.scope', 'FieldValueNotSupported', message)];
}

function storageProblems(spec: JsonObject, versions: readonly JsonObject[]): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const names = versions.map((version) => textAt(version, 'name'));
  const storage = versions.filter((version) => version['storage'] === true);
  const fail = (sentence: string): number =>
    problems.push(invalid('spec.versions', spec['versions'], sentence));
  if (new Set(names).size < names.length) fail('must contain unique version names');
  if (storage.length !== 1) fail('must have exactly one version marked as storage version');
  if (storage.length === 0) {
    problems.push(
      invalid('status.storedVersions', undefined, 'must have at least one stored version'),
    );
  }
  return problems;
}

function otherNames(names: JsonObject): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const check = (field: string, name: string, mixed: boolean): void => {
    const path = `spec.names.${field}`;
    const isLabel = LABEL.test(mixed ? name.toLowerCase() : name) && name.length <= 63;
    if (isLabel) return;
    const prefix = mixed ? 'may have mixed case, but should otherwise match: ' : '';
    problems.push(name === '' ? required(path) : invalid(path, name, prefix + LABEL_SENTENCE));
  };
  const kind = textAt(names, 'kind');
  check('plural', textAt(names, 'plural'), false);
  check('singular', textAt(names, 'singular') || kind.toLowerCase(), false);
  check('kind', kind, true);
  check('listKind', textAt(names, 'listKind') || (kind === '' ? '' : `${kind}List`), true);
  for (const [i, name] of listAt(names, 'shortNames').entries()) {
    check(`shortNames[${i}]`, String(name), false);
  }
  return problems;
}

/** Versions that are alike in something are reported under the old top-level field, as the server stores them. */
function versionProblems(versions: readonly JsonObject[]): FieldProblem[] {
  const isShared = (...path: string[]): boolean =>
    versions.every((version) => jsonEqual(at(version, ...path), at(versions[0], ...path)));
  const problems: FieldProblem[] = [];
  for (const [i, version] of versions.entries()) {
    const path = `spec.versions[${i}]`;
    const name = textAt(version, 'name');
    if (!LABEL.test(name)) {
      problems.push(
        name === '' ? required(`${path}.name`) : invalid(`${path}.name`, name, LABEL_SENTENCE),
      );
    }
  }
  const each = (
    path: string[],
    shared: string,
    own: string,
    check: (v: JsonObject, at: string) => FieldProblem[],
  ): void => {
    if (isShared(...path) && versions[0] !== undefined)
      problems.push(...check(versions[0], shared));
    else
      problems.push(
        ...versions.flatMap((version, i) => check(version, `spec.versions[${i}]${own}`)),
      );
  };
  each(['schema'], 'spec.validation.openAPIV3Schema', '.schema.openAPIV3Schema', versionSchema);
  each(['subresources'], 'spec.subresources', '.subresources', (version, path) =>
    scaleProblems(at(version, 'subresources', 'scale'), `${path}.scale`),
  );
  each(
    ['additionalPrinterColumns'],
    'spec.additionalPrinterColumns',
    '.additionalPrinterColumns',
    (version, path) =>
      listAt(version, 'additionalPrinterColumns').flatMap((column, i) =>
        columnProblems(column, `${path}[${i}]`),
      ),
  );
  return problems;
}

function versionSchema(version: JsonObject, path: string): FieldProblem[] {
  const schema = at(version, 'schema', 'openAPIV3Schema');
  if (!isObject(schema)) return [required('spec.versions[0].schema.openAPIV3Schema')];
  return schemaProblems(schema, path);
}

function scaleProblems(scale: unknown, path: string): FieldProblem[] {
  if (!isObject(scale)) return [];
  const problems: FieldProblem[] = [];
  for (const [name, root] of [
    ['specReplicasPath', '.spec'],
    ['statusReplicasPath', '.status'],
    ['labelSelectorPath', ''],
  ] as const) {
    const value = textAt(scale, name);
    const field = `${path}.${name}`;
    if (value === '') {
      if (root !== '') problems.push(required(field));
    } else if (!isSimplePath(value)) {
      problems.push(invalid(field, value, 'must be a simple json path starting with .'));
    } else if (root !== '' && !value.startsWith(`${root}.`)) {
      problems.push(invalid(field, value, `should be a json path under ${root}`));
    }
  }
  return problems;
}

function isSimplePath(path: string): boolean {
  return /^(\.[A-Za-z0-9_$-]+)+$/.test(path);
}

function columnProblems(column: unknown, path: string): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const [name, type, jsonPath] = [
    textAt(column, 'name'),
    textAt(column, 'type'),
    textAt(column, 'jsonPath'),
  ];
  if (name === '') problems.push(required(`${path}.name`));
  if (type === '') {
    problems.push(required(`${path}.type`, `must be one of ${COLUMN_TYPES.join(',')}`));
  } else if (!COLUMN_TYPES.includes(type)) {
    problems.push(invalid(`${path}.type`, type, `must be one of ${COLUMN_TYPES.join(',')}`));
  }
  if (jsonPath === '') problems.push(required(`${path}.JSONPath`));
  else if (!isJsonPath(jsonPath)) {
    problems.push(
      invalid(`${path}.JSONPath`, jsonPath, 'must be a simple json path starting with .'),
    );
  }
  return problems;
}
