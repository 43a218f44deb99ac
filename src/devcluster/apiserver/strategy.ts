/** What differs from kind to kind when an object is written: the hooks of the write path and their defaults. */
import type { Random } from '../../std/index.ts';
import type { ObjectStore, StoredObject } from '../objects/index.ts';
import type { FieldProblem } from '../schema/index.ts';

/** What hooks may use of the server. */
export interface StrategyContext {
  readonly store: ObjectStore;
  readonly random: Random;
  now(): Date;
}

/** Which rule `metadata.name` follows. */
export type NameRule = 'subdomain' | 'label' | 'service' | 'path';

/** Hooks change the object they are given; it is the writer's own copy. */
export interface Strategy {
  readonly nameRule: NameRule;
  /** A write without resourceVersion is taken as "whatever it is now". */
  readonly unconditionalUpdate: boolean;
  /** PUT of a name that does not exist creates it. */
  readonly createOnUpdate: boolean;
  /** DELETE answers with the object instead of a Status. */
  readonly returnsDeleted: boolean;
  /** `metadata.generation` counts the changes of everything but metadata and status. */
  readonly generation: boolean;
  applyDefaults(object: StoredObject): void;
  prepareForCreate(object: StoredObject, context: StrategyContext): void;
  prepareForUpdate(object: StoredObject, old: StoredObject, context: StrategyContext): void;
  prepareForStatusUpdate(object: StoredObject, old: StoredObject): void;
  /** Rules beyond the schema; with `old`, of the change too. */
  validate(object: StoredObject, old: StoredObject | undefined): FieldProblem[];
  /** Status of a new object; undefined: the kind has none. */
  initialStatus(object: StoredObject): unknown;
  /** Field selectors besides metadata.name and metadata.namespace. */
  selectableFields(object: StoredObject): Readonly<Record<string, string>>;
  /** Seconds between DELETE and removal; undefined: removed at once. */
  gracePeriodSeconds(object: StoredObject, requested: number | undefined): number | undefined;
  /** Still held back from removal by something that is not in metadata.finalizers. */
  isHeld(object: StoredObject): boolean;
  /** Called when an object starts to be deleted but stays for now. */
  markDeleting(object: StoredObject): void;
}

const nothing = (): void => undefined;

const BASE: Strategy = {
  nameRule: 'subdomain',
  unconditionalUpdate: true,
  createOnUpdate: false,
  returnsDeleted: false,
  generation: false,
  applyDefaults: nothing,
  prepareForCreate: nothing,
  prepareForUpdate: nothing,
  prepareForStatusUpdate: nothing,
  validate: () => [],
  initialStatus: () => undefined,
  selectableFields: () => ({}),
  gracePeriodSeconds: () => undefined,
  isHeld: () => false,
  markDeleting: nothing,
};

/** A strategy that differs from a plain object's (a ConfigMap's) in `differences`. */
export function createStrategy(differences: Partial<Strategy>): Strategy {
  return { ...BASE, ...differences };
}

/** A problem of a built-in kind, worded as the real server words it. */
export const problem = {
  required: (field: string, detail = ''): FieldProblem => ({
    field,
    reason: 'FieldValueRequired',
    message: detail === '' ? 'Required value' : `Required value: ${detail}`,
  }),
  invalid: (field: string, value: unknown, detail: string): FieldProblem => ({
    field,
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(value) ?? 'null'}: ${detail}`,
    value,
  }),
  forbidden: (field: string, detail: string): FieldProblem => ({
    field,
    reason: 'FieldValueForbidden',
    message: `Forbidden: ${detail}`,
  }),
  duplicate: (field: string, value: unknown): FieldProblem => ({
    field,
    reason: 'FieldValueDuplicate',
    message: `Duplicate value: ${JSON.stringify(value)}`,
    value,
  }),
  notSupported: (field: string, value: unknown, values: readonly string[]): FieldProblem => ({
    field,
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${values
      .toSorted()
      .map((one) => JSON.stringify(one))
      .join(', ')}`,
    value,
  }),
};
