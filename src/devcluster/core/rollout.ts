/** How a Deployment moves pods from old ReplicaSets to the new one. */
import type { IntOrString } from './kinds.ts';

/** A number, or a percentage of `total` rounded as asked. */
export function resolveAmount(
  amount: IntOrString | undefined,
  total: number,
  round: 'up' | 'down',
): number {
  if (amount === undefined) return 0;
  if (typeof amount === 'number') return amount;
  const percent = /^(\d+)%$/.exec(amount)?.[1];
  if (percent === undefined) return Number(amount);
  const exact = (Number(percent) * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}

export interface RolloutInput {
  readonly replicas: number;
  readonly maxSurge: IntOrString;
  readonly maxUnavailable: IntOrString;
  /** Desired and available pods of the new set. */
  readonly fresh: { readonly replicas: number; readonly available: number };
  /** The same of the old sets, oldest first. */
  readonly old: readonly { readonly replicas: number; readonly available: number }[];
}

/** The next sizes: of the new set, and of each old one in the order given. */
export function planRollout(input: RolloutInput): { fresh: number; old: number[] } {
  const { replicas, fresh } = input;
  const surge = resolveAmount(input.maxSurge, replicas, 'up');
  const unavailable = resolveAmount(input.maxUnavailable, replicas, 'down');
  // Both zero would never move: the API refuses that, percentages may still round to it.
  const unavailableMax = surge === 0 && unavailable === 0 ? 1 : unavailable;
  const oldTotal = input.old.reduce((sum, one) => sum + one.replicas, 0);
  const room = replicas + surge - oldTotal - fresh.replicas;
  const nextFresh =
    fresh.replicas > replicas ? replicas : Math.min(replicas, fresh.replicas + Math.max(0, room));
  const available = fresh.available + input.old.reduce((sum, one) => sum + one.available, 0);
  let spare = Math.max(0, available - (replicas - unavailableMax));
  const old = input.old.map((one) => {
    const broken = one.replicas - one.available;
    const healthy = Math.min(one.available, spare);
    spare -= healthy;
    return one.replicas - broken - healthy;
  });
  return { fresh: nextFresh, old };
}
