/** The vocabulary of the schema folder: JSON, OpenAPI schemas, field problems, compiled schemas and their users. */

export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object whose members nobody has looked at yet. */
export type JsonObject = { [field: string]: unknown };

/** One entry of `metadata.managedFields`. */
export interface ManagedFieldsEntry {
  manager?: string;
  operation?: 'Apply' | 'Update';
  apiVersion?: string;
  /** RFC 3339 with seconds. */
  time?: string;
  fieldsType?: 'FieldsV1';
  fieldsV1?: JsonObject;
  subresource?: string;
}

/** The parts of `metadata` that this folder reads or writes. */
export interface ObjectMeta {
  name?: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  creationTimestamp?: string;
  managedFields?: ManagedFieldsEntry[];
  [field: string]: unknown;
}

/** A Kubernetes object as it travels: raw JSON. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** An OpenAPI v3 schema object as Kubernetes publishes it; also the `openAPIV3Schema` of a CRD. */
export interface JsonSchema {
  $ref?: string;
  type?: string;
  format?: string;
  title?: string;
  description?: string;
  default?: unknown;
  nullable?: boolean;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minProperties?: number;
  maxProperties?: number;
  required?: string[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  allOf?: JsonSchema[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  not?: JsonSchema;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: string;
  'x-kubernetes-patch-strategy'?: string;
  'x-kubernetes-patch-merge-key'?: string;
  'x-kubernetes-validations'?: ValidationRule[];
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
}

/** One CEL rule of `x-kubernetes-validations`. */
export interface ValidationRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

/** Reasons of one field problem; the `reason` of a `details.causes` entry of a 422 answer. */
export type FieldProblemReason =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'InternalError';

/**
 * One thing that is wrong with an object, worded like the real API server: `field` is the path (`spec.ports[0].name`),
 * `message` what follows the path and a colon (`Invalid value: "string": spec.replicas in body must be …`).
 */
export interface FieldProblem {
  readonly field: string;
  readonly reason: FieldProblemReason;
  readonly message: string;
  readonly value?: unknown;
}

/** What pruning an object gives: the object without unknown fields, and their paths (`spec.ports[0].nmae`). */
export interface Pruned<T> {
  readonly object: T;
  readonly unknownFields: string[];
}

/** A schema made ready for use. Its functions are pure: arguments are never changed, results may share parts. */
export interface CompiledSchema {
  /** The OpenAPI schema, and how its references are resolved; merging and field ownership read it. */
  readonly schema: JsonSchema;
  resolve(schema: JsonSchema): JsonSchema;
  /**
   * Problems of `object`, best sorted as the server prints them; with `old`, transition rules (`oldSelf`) run too.
   * For custom resources this is the schema and its CEL rules; built-in kinds have none here (their checks are code).
   */
  validate(object: JsonObject, old?: JsonObject): FieldProblem[];
  /** A copy in which absent fields have their defaults (OpenAPI defaults; for built-in kinds those of the server). */
  applyDefaults<T extends JsonObject>(object: T): T;
  /** A copy without the fields that the schema does not know, and the paths of those fields. */
  prune<T extends JsonObject>(object: T): Pruned<T>;
}

/** One column of a CRD's `additionalPrinterColumns`. */
export interface PrinterColumn {
  name: string;
  type: string;
  format?: string;
  description?: string;
  priority?: number;
  jsonPath: string;
}

/** Names of a resource as discovery prints them. */
export interface ResourceNames {
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
}

/** JSON paths of a `/scale` subresource (`.spec.replicas`). */
export interface ScalePaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string;
}

/** One version of a custom resource. */
export interface CompiledVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated: boolean;
  readonly deprecationWarning?: string;
  readonly schema: CompiledSchema;
  readonly columns: readonly PrinterColumn[];
  readonly subresources: { readonly status: boolean; readonly scale?: ScalePaths };
}

/** A CRD made ready for serving. */
export interface CompiledCustomResource {
  readonly group: string;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly names: ResourceNames;
  readonly versions: readonly CompiledVersion[];
}

/** One field of a server-side apply that another manager holds with another value. */
export interface ApplyConflict {
  /** Path as the server prints it: `.spec.replicas`, `.spec.ports[port=80,protocol="TCP"].name`. */
  readonly field: string;
  /** Sentence of the cause: `conflict with "kubectl" using apps/v1`. */
  readonly message: string;
}

/** Why an apply was refused. `message` is the message of the Status. */
export type ApplyFailure =
  | {
      readonly kind: 'conflict';
      readonly message: string;
      readonly conflicts: readonly ApplyConflict[];
    }
  | { readonly kind: 'invalid'; readonly message: string };

/** meta.k8s.io/v1 Table. */
export interface Table {
  kind: 'Table';
  apiVersion: 'meta.k8s.io/v1';
  metadata: JsonObject;
  columnDefinitions: TableColumn[];
  rows: TableRow[];
}
export interface TableColumn {
  name: string;
  type: string;
  format: string;
  description: string;
  priority: number;
}
export interface TableRow {
  cells: unknown[];
  conditions?: JsonObject[];
  object?: JsonObject;
}
