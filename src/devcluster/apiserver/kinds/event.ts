/** Events: one kind with two faces (core/v1 and events.k8s.io/v1), stored as core/v1. */
import type { StoredObject } from '../../objects/index.ts';
import { asObject, asText, fill, type JsonObject } from '../json.ts';
import { createStrategy } from '../strategy.ts';

/** Names in events.k8s.io/v1 and in core/v1. */
const RENAMED: readonly (readonly [string, string])[] = [
  ['note', 'message'],
  ['regarding', 'involvedObject'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
];

function rename(object: StoredObject, pairs: readonly (readonly [string, string])[]): StoredObject {
  const names = new Map(pairs);
  const entries = Object.entries(object).map(([field, value]) => [
    names.get(field) ?? field,
    value,
  ]);
  return Object.fromEntries(entries) as StoredObject;
}

/** An event of either group as core/v1. */
export function toCoreEvent(object: StoredObject): StoredObject {
  if (object.apiVersion === 'v1') return object;
  const event = { ...rename(object, RENAMED), apiVersion: 'v1' };
  fillCore(event);
  return event;
}

/** A stored event as events.k8s.io/v1. */
export function fromCoreEvent(object: StoredObject): StoredObject {
  const reversed = RENAMED.map(([modern, core]) => [core, modern] as const);
  return { ...rename(object, reversed), apiVersion: 'events.k8s.io/v1' };
}

/** The real server prints these also when they are empty. */
function fillCore(event: JsonObject): void {
  for (const field of ['firstTimestamp', 'lastTimestamp', 'eventTime']) event[field] ??= null;
  fill(event, 'source', {});
  fill(event, 'involvedObject', {});
  fill(event, 'reportingComponent', '');
  fill(event, 'reportingInstance', '');
}

/** `core`: the strategy of core/v1; otherwise of events.k8s.io/v1. */
const common = {
  createOnUpdate: true,
  selectableFields: (object: StoredObject) => {
    const event = toCoreEvent(object);
    const involved = asObject(event['involvedObject']);
    const fields = [
      'kind',
      'namespace',
      'name',
      'uid',
      'apiVersion',
      'resourceVersion',
      'fieldPath',
    ];
    const source = asText(asObject(event['source'])['component']);
    return {
      ...Object.fromEntries(
        fields.map((field) => [`involvedObject.${field}`, asText(involved[field])]),
      ),
      reason: asText(event['reason']),
      reportingComponent: asText(event['reportingComponent']),
      source: source === '' ? asText(event['reportingComponent']) : source,
      type: asText(event['type']),
    };
  },
};

export const coreEventStrategy = createStrategy({
  ...common,
  prepareForCreate: fillCore,
  prepareForUpdate: fillCore,
});
export const eventStrategy = createStrategy(common);
