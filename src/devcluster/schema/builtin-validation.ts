/** The checks of built-in kinds that our users are likely to meet; the real server has them as Go code. */
import type { FieldProblem, JsonObject } from './types.ts';

export interface BuiltinCheck {
  readonly group: string;
  readonly kind: string;
  readonly object: JsonObject;
  readonly old?: JsonObject;
}

/** Problems of an object of a built-in kind, worded like the server's. */
export function builtinProblems(check: BuiltinCheck): FieldProblem[] {
  return CHECKS[`${check.group}/${check.kind}`]?.(check.object, check.old) ?? [];
}

type Check = (object: JsonObject, old: JsonObject | undefined) => FieldProblem[];

const CHECKS: Readonly<Record<string, Check>> = {};
