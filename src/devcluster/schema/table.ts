/** Tables (meta.k8s.io/v1): what the server answers when kubectl asks for something to print. */
import { isObject, jsonType } from './json.ts';
import { ageSince } from './human-duration.ts';
import { evaluateJsonPath } from './json-path.ts';
import { builtinColumns } from './kubernetes-data.ts';
import { podRowConditions } from './pod-row.ts';
import { ROWS, type Cells } from './rows.ts';
import type {
  JsonObject,
  KubeObject,
  PrinterColumn,
  Table,
  TableColumn,
  TableRow,
} from './types.ts';

export interface TableRequest {
  readonly group: string;
  readonly version: string;
  /** Plural name of the resource; unknown ones get Name and Created At. */
  readonly resource: string;
  readonly objects: readonly KubeObject[];
  /** Columns of a custom resource's version. */
  readonly columns?: readonly PrinterColumn[];
  readonly now: Date;
  /** The `includeObject` query parameter; default Metadata. */
  readonly includeObject?: 'None' | 'Metadata' | 'Object';
  /** metadata of the Table: resourceVersion, continue, remainingItemCount. */
  readonly metadata?: JsonObject;
}

const NAME_DESCRIPTION =
  'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a ' +
  'client to request the generation of an appropriate name automatically. Name is primarily intended for creation ' +
  'idempotence and configuration definition. Cannot be updated. More info: ' +
  'https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names';

const NAME: TableColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: NAME_DESCRIPTION,
  priority: 0,
};
const CREATED_AT: TableColumn = {
  name: 'Created At',
  type: 'date',
  format: '',
  description:
    'CreationTimestamp is a timestamp representing the server time when this object was created.',
  priority: 0,
};

/** The objects as a Table: the server's columns for built-in kinds, additionalPrinterColumns for custom resources. */
export function renderTable(request: TableRequest): Table {
  const { columns, cells } = layoutOf(request);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: request.metadata ?? {},
    columnDefinitions: [...columns],
    rows: request.objects.map((object) => rowOf(object, cells, request)),
  };
}

function layoutOf(request: TableRequest): { columns: readonly TableColumn[]; cells: Cells } {
  const { columns } = request;
  if (columns !== undefined) {
    return {
      columns: [NAME, ...columns.map(columnDefinition)],
      cells: (object, now) => [
        object.metadata.name,
        ...columns.map((column) => customCell(column, object, now)),
      ],
    };
  }
  const key = `${request.resource}.${request.group}`;
  const builtin = builtinColumns(request.group, request.resource);
  const cells = ROWS[key];
  if (builtin !== undefined && cells !== undefined) return { columns: builtin, cells };
  return {
    columns: [NAME, CREATED_AT],
    cells: ({ metadata }) => [metadata.name, metadata.creationTimestamp],
  };
}

function columnDefinition(column: PrinterColumn): TableColumn {
  return {
    name: column.name,
    type: column.type,
    format: column.format ?? '',
    description:
      column.description ??
      `Custom resource definition column (in JSONPath format): ${column.jsonPath}`,
    priority: column.priority ?? 0,
  };
}

function customCell(column: PrinterColumn, object: KubeObject, now: Date): unknown {
  const found = evaluateJsonPath(column.jsonPath, object);
  const value = found[0];
  if (value === undefined) return null;
  switch (column.type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? ageSince(value, now) : null;
    default:
      return printed(value);
  }
}

function printed(value: unknown): string {
  if (value === null) return '';
  return isObject(value) || jsonType(value) === 'array' ? JSON.stringify(value) : String(value);
}

function rowOf(object: KubeObject, cells: Cells, request: TableRequest): TableRow {
  const row: TableRow = { cells: cells(object, request.now) };
  const conditions =
    request.resource === 'pods' && request.group === '' ? podRowConditions(object) : undefined;
  if (conditions !== undefined) row.conditions = conditions;
  const include = request.includeObject ?? 'Metadata';
  if (include === 'Object') row.object = object;
  if (include === 'Metadata') {
    row.object = {
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: object.metadata,
    };
  }
  return row;
}
