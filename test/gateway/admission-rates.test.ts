/** The rate limit that many pods enforce together, simulated: seeded load that moves, words that get lost, deaths, partitions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifies } from '../requirements.ts';
import { simulateRates, type SimulationResult } from './rate-simulation.ts';

const PER_SECOND = 100;
const BASE = { requests: 1_000, intervalMs: 10_000, burst: 100, durationMs: 20_000 };
const SEEDS = [1, 2, 3, 4, 5];

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

/** Admitted from second `from` on, before second `to`, by all pods or by some. */
function admitted(
  result: SimulationResult,
  [from, to]: readonly [number, number],
  pods = result.admitted.map((_, index) => index),
): number {
  return sum(pods.map((pod) => sum(result.admitted[pod]?.slice(from, to) ?? [])));
}

/** Requests per second at each pod, by the instant. */
type Load = (atMs: number) => readonly number[];

const loads = (pods: number): Readonly<Record<string, Load>> => {
  const each = Array.from({ length: pods }, (_, index) => index);
  const only =
    (chosen: (atMs: number) => number, rest: number): Load =>
    (atMs) =>
      each.map((pod) => (pod === chosen(atMs) ? 3 * PER_SECOND : rest));
  return {
    'spread evenly': () => each.map(() => (3 * PER_SECOND) / pods),
    'all at one pod': only(() => 0, 0),
    'one pod busy, the others a little': only(() => 0, 5),
    'moving to another pod each second': only((at) => Math.floor(at / 1_000) % pods, 0),
    'moving each three seconds': only((at) => Math.floor(at / 3_000) % pods, 10),
  };
};

test(verifies('admission.rate-cluster-wide'), () => {
  for (const pods of [1, 3, 5, 10]) {
    for (const [name, load] of Object.entries(loads(pods))) {
      for (const seed of SEEDS) {
        for (const loss of [0, 0.05]) {
          const result = simulateRates({ ...BASE, seed, pods, load, loss });
          const limit = BASE.burst + 20 * PER_SECOND;
          const ratio = admitted(result, [0, 20]) / limit;
          const where = `${name}, ${pods} pods, seed ${seed}, loss ${loss}`;
          assert.ok(ratio > 0.9 && ratio < 1.1, `${where}: ${ratio.toFixed(3)} of the limit`);
          // No part of the run makes up for another one.
          for (const from of [5, 10]) {
            const part = admitted(result, [from, from + 10]) / (10 * PER_SECOND);
            assert.ok(part > 0.9 && part < 1.1, `${where}: ${part.toFixed(3)} from second ${from}`);
          }
        }
      }
    }
  }
});

test('load below the limit is not refused, however it is spread', () => {
  for (const pods of [3, 10]) {
    for (const seed of SEEDS) {
      const load: Load = () =>
        Array.from({ length: pods }, (_, pod) => (pod === 0 ? 70 : 20 / (pods - 1)));
      const result = simulateRates({ ...BASE, seed, pods, load });
      const ratio = admitted(result, [0, 20]) / sum(result.asked);
      assert.ok(ratio > 0.99, `${pods} pods, seed ${seed}: ${ratio}`);
    }
  }
});

test('a limit of a few requests a minute is one limit, too', () => {
  for (const seed of SEEDS) {
    const load: Load = () => [0.5, 0.3, 0.2];
    const settings = { requests: 10, intervalMs: 60_000, burst: 10, durationMs: 300_000 };
    const result = simulateRates({ ...settings, seed, pods: 3, load });
    const total = admitted(result, [0, 300]);
    // 10 at once and 10 each minute; each pod may have given one request in advance.
    assert.ok(total >= 54 && total <= 63, `seed ${seed}: ${total}`);
  }
});

test(verifies('admission.rate-returned'), () => {
  for (const seed of SEEDS) {
    const result = simulateRates({
      ...BASE,
      seed,
      pods: 3,
      load: (at) => (at < 10_000 ? [100, 100, 100] : [0, 100, 100]),
      fault: (at, world) => at === 10_000 && world.kill(0),
    });
    const after = admitted(result, [12, 20]) / (8 * PER_SECOND);
    assert.ok(after > 0.95 && after < 1.05, `seed ${seed}: ${after}`);
  }
});

test(verifies('admission.rate-partition'), () => {
  for (const seed of SEEDS) {
    let share = NaN;
    const result = simulateRates({
      ...BASE,
      seed,
      pods: 3,
      durationMs: 30_000,
      // After the cut everybody asks the lonely pod.
      load: (at) => (at < 10_000 ? [100, 100, 100] : [400, 100, 100]),
      fault(at, world) {
        if (at === 10_000) {
          share = world.share(0) * PER_SECOND;
          world.cut(0);
        }
        if (at === 20_000) world.declareGone(0);
      },
    });
    // Words that were on their way when the cut came may still have moved the share a little.
    const lonely = admitted(result, [12, 30], [0]) / 18;
    const others = admitted(result, [12, 20], [1, 2]) / 8;
    const later = admitted(result, [22, 30], [1, 2]) / 8;
    const where = `seed ${seed}: ${share} its share, ${lonely} alone, ${others} and ${later} the others`;
    assert.ok(lonely <= share * 1.1, where);
    assert.ok(lonely + others <= PER_SECOND * 1.1 && others > 50, where);
    assert.ok(later > 90 && later < 105, where);
  }
});
