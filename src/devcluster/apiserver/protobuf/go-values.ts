/** What reading an object into Go types and writing it again does to its members that hold nothing. */
import { isObject, type JsonObject } from '../json.ts';
import { messageOf, type Field } from './messages.ts';

/**
 * Drops zero values that Go's encoder omits (`value: ""`) and adds the nulls that it writes (times that are no pointer).
 * Changes `object`; kinds without a message are left alone.
 */
export function asGoWritesIt(apiVersion: string, kind: string, object: JsonObject): void {
  const message = messageOf(apiVersion, kind);
  if (message !== undefined) normalize(message.fields, object);
}

function normalize(fields: readonly Field[], object: JsonObject): void {
  for (const [, name, type, flags] of fields) {
    const inner = messageOf(type)?.fields;
    if (name === '') {
      if (inner !== undefined) normalize(inner, object);
      continue;
    }
    const value = object[name];
    if (flags.includes('n')) object[name] ??= null;
    else if (value === undefined) continue;
    else if (isOmitted(value, flags)) delete object[name];
    else if (inner !== undefined) normalizeMember(inner, value, flags);
  }
}

function isOmitted(value: unknown, flags: string): boolean {
  return flags === '' && (value === '' || value === 0 || value === false);
}

function normalizeMember(fields: readonly Field[], value: unknown, flags: string): void {
  const items = Array.isArray(value) ? value : [value];
  const members = flags.includes('m') && isObject(value) ? Object.values(value) : items;
  for (const member of members) if (isObject(member)) normalize(fields, member);
}
