/** The sentences of refusals, as the real API server words them. */
import type { FieldProblem } from './types.ts';

/** Message of a 422 Status: `StatefulSet.apps "x" is invalid: spec.replicas: Invalid value: …`, several in brackets. */
export function invalidMessage(
  target: { group: string; kind: string; name: string },
  problems: readonly FieldProblem[],
): string {
  const kind = target.group === '' ? target.kind : `${target.kind}.${target.group}`;
  const sentences = problems.map(({ field, message }) => `${field}: ${message}`);
  const unique = [...new Set(sentences)];
  const text = unique.length === 1 ? unique[0] : `[${unique.join(', ')}]`;
  return `${kind} "${target.name}" is invalid: ${text}`;
}

/**
 * Message of a 400 under fieldValidation=Strict: `Widget in version "v1" cannot be handled as a Widget: strict decoding
 * error: unknown field "spec.foo", …`. Under Warn, each field is one warning header `unknown field "spec.foo"`.
 */
export function strictDecodingMessage(
  target: { version: string; kind: string },
  unknownFields: readonly string[],
): string {
  const fields = unknownFields.map((field) => `unknown field "${field}"`).join(', ');
  return `${target.kind} in version "${target.version}" cannot be handled as a ${target.kind}: strict decoding error: ${fields}`;
}
