/** A change of the configuration as the data of a log entry. */
import type { ConfigChange, Configuration, MemberChange } from './types.ts';

const TRANSITIONS: readonly string[] = ['auto', 'joint-implicit', 'joint-explicit'];
const CHANGES: readonly string[] = ['add-voter', 'add-learner', 'remove'];

/** What a leader proposes by itself to leave a joint configuration is no bytes at all, so that it can never be refused for its size. */
export function encodeConfigChange(change: ConfigChange): Uint8Array {
  const { transition, changes, context = '' } = change;
  if (transition === 'auto' && changes.length === 0 && context === '') return new Uint8Array(0);
  const members = changes.map(({ type, id }) => [type, id]);
  return new TextEncoder().encode(JSON.stringify([transition, context, ...members]));
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
  const [transition, context, ...rows] = value as unknown[];
  if (typeof context !== 'string') return undefined;
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
  const change = { transition: transition as ConfigChange['transition'], changes };
  return context === '' ? change : { ...change, context };
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
