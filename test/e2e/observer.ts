/** A Prometheus that watches a scenario, and what it is asked. */
import { join } from 'node:path';
import { startPrometheus } from '../../src/cli/prometheus.ts';
import { createLifecycle, findProgram } from '../../src/host/index.ts';
import type { LaptopArena } from './laptop.ts';

export const prometheusProgram = findProgram('prometheus');

/** Many scrapes in a short time. */
const INTERVAL_MS = 500;

export interface Observer {
  /** Values of an instant query, without those that are no number. */
  values(expr: string): Promise<number[]>;
  /** Names of the rules, with how their last evaluation went. */
  rules(): Promise<ReadonlyMap<string, string>>;
  stop(): Promise<void>;
}

interface Answer<T> {
  readonly status: string;
  readonly error?: string;
  readonly data: T;
}

interface Groups {
  readonly groups: readonly {
    readonly rules: readonly { name: string; health: string; lastError?: string }[];
  }[];
}

type Result = { readonly result: readonly { readonly value: readonly [number, string] }[] };

export async function startObserver(arena: LaptopArena): Promise<Observer> {
  const lifecycle = createLifecycle();
  const url = await startPrometheus({
    program: prometheusProgram as string,
    client: arena.client,
    cluster: arena.cluster,
    operator: arena.operatorAddress,
    rulesFile: join(arena.root, 'deploy/prometheus/rules.yaml'),
    folder: arena.logFolder,
    intervalMs: INTERVAL_MS,
    lifecycle,
  });
  const ask = async <T>(path: string): Promise<T> => {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as Answer<T>;
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  };
  return {
    async values(expr) {
      const { result } = await ask<Result>(`query?query=${encodeURIComponent(expr)}`);
      return result.map(({ value }) => Number(value[1])).filter((value) => !Number.isNaN(value));
    },
    async rules() {
      const { groups } = await ask<Groups>('rules');
      const all = groups.flatMap(({ rules }) => rules);
      return new Map(all.map(({ name, health, lastError }) => [name, lastError ?? health]));
    },
    stop: async () => void (await lifecycle.stop()),
  };
}
