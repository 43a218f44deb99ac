/** A change of the configuration as the data of a log entry. */
import type { ConfigChange, Configuration, MemberChange } from './types.ts';

const TRANSITIONS: readonly string[] = ['auto', 'joint-implicit', 'joint-explicit'];
const CHANGES: readonly string[] = ['add-voter', 'add-learner', 'remove'];

/** Leaving a joint configuration is no bytes at all, so that it can never be refused for its size. */
export function encodeConfigChange(change: ConfigChange): Uint8Array {
  if (change.transition === 'auto' && change.changes.length === 0) return new Uint8Array(0);
  const members = change.changes.map(({ type, id }) => [type, id]);
  return new TextEncoder().encode(JSON.stringify([change.transition, ...members]));
}

/** The change that an entry holds, or undefined when it holds something else. */
export function decodeConfigChange(data: Uint8Array): ConfigChange | undefined {
  if (data.length === 0) return { transition: 'auto', changes: [] };
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  const [transition, ...rows] = value as unknown[];
  if (typeof transition !== 'string' || !TRANSITIONS.includes(transition)) return undefined;
  const changes: MemberChange[] = [];
  for (const row of rows) {
    if (!Array.isArray(row) || row.length !== 2) return undefined;
    const [type, id] = row as unknown[];
    if (typeof type !== 'string' || typeof id !== 'string' || !CHANGES.includes(type)) {
      return undefined;
    }
    changes.push({ type: type as MemberChange['type'], id });
  }
  return { transition: transition as ConfigChange['transition'], changes };
}

/** A configuration in which only `voters` take part. */
export function configurationOf(voters: readonly string[]): Configuration {
  return {
    voters: [...new Set(voters)].sort(),
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
}
