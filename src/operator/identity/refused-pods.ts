/** Which pods were refused their certificate lately, so that it stands where people look: in the conditions of their cluster. */
import type { CertificateRefusal } from '../../security/index.ts';
import type { Clock } from '../../std/index.ts';
import type { Refused } from './refusals.ts';

/** A pod that asked; `podUid` tells it from others of its name. */
export interface AskingPod {
  readonly namespace: string;
  readonly cluster: string;
  readonly podUid: string;
}

export interface RefusedPods {
  /** Forgotten when the pod is given one, or does not ask any more. */
  refused(pod: AskingPod, refusal: Refused): void;
  given(pod: AskingPod): void;
  /** Why the pod with this uid gets none, with the code of the answer; undefined when it was not refused lately. */
  reason(podUid: string): string | undefined;
  /** `listener` is told the `namespace/name` of each cluster that has news; there is one listener. */
  onChange(listener: (key: string) => void): void;
}

/** Answers that time alone will change, and those about nothing but the pace of asking. */
const PASSING: ReadonlySet<CertificateRefusal> = new Set([
  ...(['certificate-pending', 'busy', 'unavailable', 'rate-limited'] as const),
]);
/** A pod repeats its request within seconds, or after a minute when it could not use what it got. */
const LASTS_MS = 120_000;
/** Pods that are remembered; the one that was refused longest ago goes first. */
const PODS_MAX = 1_000;

export function createRefusedPods(clock: Clock): RefusedPods {
  const notes = new Map<string, { readonly reason: string; readonly at: number }>();
  let listener: (key: string) => void = () => undefined;
  return {
    refused({ namespace, cluster, podUid }, { code, message }) {
      if (PASSING.has(code)) return;
      const reason = `${code}: ${message}`;
      const isNews = notes.get(podUid)?.reason !== reason;
      notes.delete(podUid);
      notes.set(podUid, { reason, at: clock.monotonic() });
      const [oldest] = notes.keys();
      if (notes.size > PODS_MAX && oldest !== undefined) notes.delete(oldest);
      if (isNews) listener(`${namespace}/${cluster}`);
    },
    given({ namespace, cluster, podUid }) {
      if (notes.delete(podUid)) listener(`${namespace}/${cluster}`);
    },
    reason(podUid) {
      const note = notes.get(podUid);
      return note !== undefined && clock.monotonic() - note.at < LASTS_MS ? note.reason : undefined;
    },
    onChange: (next) => void (listener = next),
  };
}
