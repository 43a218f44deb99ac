/** Events of sessions between pods, as JSON. */
import { isJsonObject } from '../../mcp/index.ts';
import type { HeldEpoch, OutgoingEvent } from '../ports.ts';

export interface CopiedSession extends HeldEpoch {
  readonly id: string;
}

export function encodeCopies(sessions: readonly CopiedSession[]): string {
  return JSON.stringify(
    sessions.map(({ id, epoch, delivered, events }) => ({ id, epoch, delivered, events })),
  );
}

/** The sessions in a body; undefined when it is not such a list. */
export function decodeCopies(body: string): readonly CopiedSession[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  return Array.isArray(value) && value.every(isCopied) ? value : undefined;
}

function isCopied(value: unknown): value is CopiedSession {
  return (
    isJsonObject(value) &&
    typeof value['id'] === 'string' &&
    Number.isSafeInteger(value['epoch']) &&
    Number.isSafeInteger(value['delivered']) &&
    Array.isArray(value['events']) &&
    value['events'].every(isEvent)
  );
}

const isEvent = (value: unknown): value is OutgoingEvent =>
  isJsonObject(value) && typeof value['id'] === 'string' && typeof value['data'] === 'string';
