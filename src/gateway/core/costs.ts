/** What a request costs at a pod, by what the strategy looks at. */
import { weightOf } from './balancer.ts';
import { connections, type Cost } from './two-choices.ts';
import type { Resources } from './types.ts';

/** A pod whose answers all fail still gets a little, or nobody would learn that it is well again. */
const HEALTH_MIN = 0.05;

/** Connections beside the share of answers without error; squared, so that a pod that fails half of them gets a quarter. */
export const byHealth: Cost = (candidate, nowMs) => {
  const health = Math.max(HEALTH_MIN, candidate.successShare(nowMs));
  return connections(candidate, nowMs) / health ** 2;
};

/** Above every latency: a pod that was asked and has not answered yet is not asked again before the others. */
const UNKNOWN_MS = 1e9;

/** Peak EWMA, as Finagle's: the latency of the worst lately, times the requests that would wait. */
export const byResponseTime: Cost = (candidate, nowMs) => {
  const latencyMs = candidate.latencyMs(nowMs);
  const cost =
    latencyMs === 0 && candidate.active > 0
      ? UNKNOWN_MS + candidate.active
      : latencyMs * (candidate.active + 1);
  return cost / weightOf(candidate);
};

/** An event loop that is late by so much is as full as a processor at 100 %. */
const LOOP_DELAY_FULL_MS = 100;
/** An idle pod is not free: otherwise requests under way would not count there. */
const PRESSURE_MIN = 0.05;
const PRESSURE_UNKNOWN = 0.5;

/** The scarcest resource, times the requests this front added since the pod told. */
export const byResources: Cost = (candidate) => {
  const { resources } = candidate;
  const pressure = resources === undefined ? PRESSURE_UNKNOWN : scarcest(resources);
  return ((PRESSURE_MIN + pressure) * (candidate.active + 1)) / weightOf(candidate);
};

const scarcest = ({ cpu, memory, loopDelayMs }: Resources): number =>
  Math.max(cpu, memory, Math.min(1, loopDelayMs / LOOP_DELAY_FULL_MS));
