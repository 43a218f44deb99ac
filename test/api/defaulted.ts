/** A McpCluster's spec with its defaults filled in as the API server does, for tests without one. */
import { mcpClusterCrd, type McpClusterSpec, type Schema } from '../../src/api/index.ts';

const schema: Schema = mcpClusterCrd().spec.versions[0].schema.openAPIV3Schema;

export function defaultedSpec(spec: Readonly<Record<string, unknown>>): McpClusterSpec {
  return filled(schema.properties?.['spec'] ?? {}, spec) as McpClusterSpec;
}

function filled(node: Schema, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => filled(node.items ?? {}, item));
  if (typeof value !== 'object' || value === null) return value;
  const given: Record<string, unknown> = { ...value };
  for (const [name, field] of Object.entries(node.properties ?? {})) {
    const present = given[name] ?? structuredClone(field.default);
    if (present !== undefined) given[name] = filled(field, present);
  }
  return given;
}
