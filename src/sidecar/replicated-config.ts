/** The running configuration: agreed in the store under `/config`, taken over by every member at the same revision. */
import type { Store } from '../store/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { ApplyConfigResult } from '../admin/index.ts';
import { parseRunningConfig, type RunningConfig } from './config.ts';
import { follow } from './follow.ts';

const KEY = '/config';

interface Agreed {
  /** metadata.generation of the resource it was made from. */
  readonly generation: number;
  readonly config: RunningConfig;
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
  let stopWatch = (): void => undefined;

  function take(): void {
    const known = store.local.get(KEY);
    if (known === undefined) return;
    const next = JSON.parse(known.value) as Agreed;
    if (next.generation <= agreed.generation) return;
    agreed = next;
    logger.info('configuration taken over', { generation: next.generation });
  }

  return {
    current: () => agreed.config,
    generation: () => agreed.generation,
    async apply(generation, text, signal) {
      const parsed = parseRunningConfig(text);
      if ('problem' in parsed) return parsed;
      const known = await store.get(KEY, signal);
      if (known !== undefined && (JSON.parse(known.value) as Agreed).generation >= generation) {
        return { revision: known.modRevision };
      }
      const value = JSON.stringify({ generation, config: parsed.config } satisfies Agreed);
      const { succeeded, revision } = await store.txn(
        {
          compare: [
            { key: KEY, target: 'modRevision', operator: '=', operand: known?.modRevision ?? 0 },
          ],
          success: [{ type: 'put', key: KEY, value }],
        },
        signal,
      );
      return succeeded ? { revision } : { problem: 'another configuration was agreed meanwhile' };
    },
    start() {
      stopWatch = follow(store, { key: KEY }, take);
      take();
    },
    stop: () => stopWatch(),
  };
}
