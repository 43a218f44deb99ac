/** The running configuration: agreed in the store under `/config`, taken over by every member at the same revision. */
import { isDeepStrictEqual } from 'node:util';
import type { Store } from '../store/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { ApplyConfigResult } from '../admin/index.ts';
import { parseRunningConfig, type RunningConfig } from './config.ts';
import { follow } from './follow.ts';

export const CONFIG_KEY = '/config';

interface Agreed {
  /** metadata.generation of the resource it was made from. */
  readonly generation: number;
  readonly config: RunningConfig;
}

/** As it stands in the store: what was proposed, fields that some members do not know included. */
interface Stored {
  readonly generation: number;
  readonly config: unknown;
}

export interface ReplicatedConfig {
  current(): RunningConfig;
  /** 0 until a configuration was agreed. */
  generation(): number;
  /** Proposes a configuration; one that is older than the agreed one changes nothing. */
  apply(generation: number, text: string, signal: AbortSignal): Promise<ApplyConfigResult>;
  start(): void;
  stop(): void;
}

export interface ReplicatedConfigOptions {
  readonly store: Store;
  /** In force until the cluster has agreed on one. */
  readonly initial: RunningConfig;
  readonly logger: Logger;
}

export function createReplicatedConfig(options: ReplicatedConfigOptions): ReplicatedConfig {
  const { store, logger } = options;
  let agreed: Agreed = { generation: 0, config: options.initial };
  let refusedGeneration = 0;
  let stopWatch = (): void => undefined;

  function take(): void {
    const known = store.local.get(CONFIG_KEY);
    if (known === undefined) return;
    const { generation, config: content } = JSON.parse(known.value) as Stored;
    if (generation <= Math.max(agreed.generation, refusedGeneration)) return;
    // It was checked by the member that proposed it, which may be of another version.
    const parsed = parseRunningConfig(JSON.stringify(content));
    if ('problem' in parsed) {
      refusedGeneration = generation;
      const { problem } = parsed;
      logger.error('configuration of another version cannot be used', { generation, problem });
      return;
    }
    agreed = { generation, config: unchangedParts(agreed.config, parsed.config) };
    const { unknown } = parsed;
    logger.info(
      'configuration taken over',
      unknown.length > 0 ? { generation, unknown } : { generation },
    );
  }

  return {
    current: () => agreed.config,
    generation: () => agreed.generation,
    async apply(generation, text, signal) {
      const parsed = parseRunningConfig(text);
      if ('problem' in parsed) return parsed;
      const known = await store.get(CONFIG_KEY, signal);
      if (known !== undefined && (JSON.parse(known.value) as Stored).generation >= generation) {
        return { revision: known.modRevision };
      }
      const stored: Stored = { generation, config: JSON.parse(text) as unknown };
      const value = JSON.stringify(stored);
      const { succeeded, revision } = await store.txn(
        {
          compare: [
            {
              key: CONFIG_KEY,
              target: 'modRevision',
              operator: '=',
              operand: known?.modRevision ?? 0,
            },
          ],
          success: [{ type: 'put', key: CONFIG_KEY, value }],
        },
        signal,
      );
      return succeeded ? { revision } : { problem: 'another configuration was agreed meanwhile' };
    },
    start() {
      stopWatch = follow(store, { key: CONFIG_KEY }, take);
      take();
    },
    stop: () => stopWatch(),
  };
}

/**
 * `next` with every part that equals that of `previous` replaced by it: who keeps state for a policy knows it by identity,
 * and a change of something else must not cost that state.
 */
function unchangedParts<T>(previous: unknown, next: T): T {
  if (typeof previous !== 'object' || typeof next !== 'object') return next;
  if (previous === null || next === null) return next;
  if (Array.isArray(previous) !== Array.isArray(next)) return next;
  if (isDeepStrictEqual(previous, next)) return previous as T;
  const before = previous as Readonly<Record<string, unknown>>;
  const parts = Object.entries(next).map(([name, part]) => [
    name,
    unchangedParts(before[name], part as unknown),
  ]);
  return (Array.isArray(next) ? parts.map(([, part]) => part) : Object.fromEntries(parts)) as T;
}
