/** Checks of CustomResourceDefinitions, with the wording of the API server. */
import type { FieldProblem, JsonObject } from './types.ts';

/** Problems of a CustomResourceDefinition at create; empty when it can be served. */
export function definitionProblems(crd: JsonObject): FieldProblem[] {
  return crd['spec'] === undefined
    ? [{ field: 'spec', reason: 'FieldValueRequired', message: 'Required value' }]
    : [];
}
