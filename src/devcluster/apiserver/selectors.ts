/** Label and field selectors: their text forms, and whether an object is selected. */
import { unreachable } from '../../std/index.ts';
import type { StoredObject } from '../objects/index.ts';
import type { ResourceDefinition } from './registry.ts';
import { badRequest } from './status.ts';
import { checkLabelValue, checkQualifiedName } from './validation/names.ts';

export type Selector = (object: StoredObject) => boolean;

interface Requirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'missing' | 'gt' | 'lt';
  readonly values: readonly string[];
}

/** Parses `a=b,c in (d,e),!f,g!=h,i>3`. Throws BadRequest. */
export function labelSelector(text: string): Selector {
  if (text.trim() === '') return () => true;
  const requirements = splitRequirements(text).map(parseRequirement);
  return (object) => {
    const labels = object.metadata.labels ?? {};
    return requirements.every((one) => holds(one, labels[one.key]));
  };
}

/** Commas inside parentheses belong to the set. */
function splitRequirements(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let current = '';
  for (const letter of text) {
    if (letter === '(') depth += 1;
    if (letter === ')') depth -= 1;
    if (letter === ',' && depth === 0) {
      parts.push(current);
      current = '';
    } else current += letter;
  }
  parts.push(current);
  return parts.map((part) => part.trim());
}

function parseRequirement(text: string): Requirement {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(text);
  if (set !== null) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim());
    return checked({ key: set[1] ?? '', operator: set[2] as 'in' | 'notin', values });
  }
  const compared = /^([^\s=!<>]+)\s*(==|=|!=|>|<)\s*([^\s=!<>]*)$/.exec(text);
  if (compared !== null) {
    const operators = { '=': 'in', '==': 'in', '!=': 'notin', '>': 'gt', '<': 'lt' } as const;
    const operator = operators[compared[2] as keyof typeof operators];
    return checked({ key: compared[1] ?? '', operator, values: [compared[3] ?? ''] });
  }
  const words = /^([^\s=!<>(),]+)\s+([^\s=!<>(),]+)/.exec(text);
  if (words !== null) {
    throw badRequest(
      `unable to parse requirement: found '${words[2]}', expected: in, notin, =, ==, !=, gt, lt`,
    );
  }
  const bare = /^(!?)\s*([^\s=!<>()]+)$/.exec(text);
  if (bare === null) {
    const found = text === '' ? "','" : `'${text}'`;
    throw badRequest(
      `unable to parse requirement: found ${found}, expected: !, identifier, or 'end of string'`,
    );
  }
  return checked({
    key: bare[2] ?? '',
    operator: bare[1] === '!' ? 'missing' : 'exists',
    values: [],
  });
}

function checked(requirement: Requirement): Requirement {
  for (const sentence of checkQualifiedName(requirement.key)) {
    throw badRequest(
      `unable to parse requirement: key: Invalid value: ${JSON.stringify(requirement.key)}: ${sentence}`,
    );
  }
  for (const value of requirement.values) {
    for (const sentence of checkLabelValue(value)) {
      throw badRequest(
        `unable to parse requirement: values[0][${requirement.key}]: Invalid value: ${JSON.stringify(value)}: ${sentence}`,
      );
    }
  }
  return requirement;
}

function holds({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'in':
      return value !== undefined && values.includes(value);
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'missing':
      return value === undefined;
    case 'gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return unreachable(operator);
  }
}

/** Parses `metadata.name=x,status.phase!=Running`. Throws BadRequest for fields the kind does not offer. */
export function fieldSelector(text: string, definition: ResourceDefinition): Selector {
  if (text.trim() === '') return () => true;
  const terms = text.split(',').map((term) => {
    const parsed = /^([^=!]+)(==|=|!=)(.*)$/.exec(term.trim());
    if (parsed === null)
      throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    return { field: parsed[1] ?? '', negated: parsed[2] === '!=', value: parsed[3] ?? '' };
  });
  const known = Object.keys(fieldsOf(definition, EMPTY));
  for (const { field } of terms) {
    if (!known.includes(field)) throw unknownField(field, known, definition);
  }
  return (object) => {
    const fields = fieldsOf(definition, object);
    return terms.every(({ field, negated, value }) => (fields[field] === value) !== negated);
  };
}

const EMPTY: StoredObject = { apiVersion: '', kind: '', metadata: {} };

function fieldsOf(definition: ResourceDefinition, object: StoredObject): Record<string, string> {
  return {
    'metadata.name': object.metadata.name ?? '',
    ...(definition.namespaced && { 'metadata.namespace': object.metadata.namespace ?? '' }),
    ...definition.strategy.selectableFields(object),
  };
}

function unknownField(
  field: string,
  known: readonly string[],
  definition: ResourceDefinition,
): Error {
  if (definition.custom !== undefined || known.length > 2) {
    return badRequest(`field label not supported: ${field}`);
  }
  const names = known.map((one) => JSON.stringify(one)).join(', ');
  return badRequest(`${JSON.stringify(field)} is not a known field selector: only ${names}`);
}
