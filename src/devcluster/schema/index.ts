/**
 * What a Kubernetes API server knows about the shape of objects, as pure functions: structural schemas (validation,
 * defaults, pruning, CEL rules), custom resource definitions, the built-in kinds' schemas (generated data), patches,
 * server-side apply with field ownership, OpenAPI v3 documents and Tables. Nothing here does I/O or keeps state.
 */
export { builtinDecodeError, builtinSchema } from './builtin.ts';
export { builtinResources, type BuiltinResource } from './kubernetes-data.ts';
export { compileSchema } from './structural.ts';
export { compileCustomResource } from './custom-resource.ts';
export { strategicMerge } from './strategic-merge.ts';
export { jsonPatch, mergePatch, type JsonPatchOperation } from './json-patch.ts';
export {
  serverSideApply,
  updateManagedFields,
  type ApplyRequest,
  type UpdateRequest,
} from './server-side-apply.ts';
export { openApiDiscovery, openApiDocument } from './openapi.ts';
export { renderTable, type TableRequest } from './table.ts';
export { invalidMessage, strictDecodingMessage } from './problems.ts';
export type {
  ApplyConflict,
  ApplyFailure,
  CompiledCustomResource,
  CompiledSchema,
  CompiledVersion,
  FieldProblem,
  FieldProblemReason,
  Json,
  JsonObject,
  JsonSchema,
  KubeObject,
  ManagedFieldsEntry,
  ObjectMeta,
  PrinterColumn,
  Pruned,
  ResourceNames,
  ScalePaths,
  Table,
  TableColumn,
  TableRow,
  ValidationRule,
} from './types.ts';
