/** The pods as balancing sees them: one live value for each, kept over changes of the cluster's view. */
import type { Candidate } from '../core/balancer.ts';
import { createOutcomes, type Outcomes } from '../core/outcomes.ts';
import type { Member, Resources } from '../core/types.ts';

/** What is said of a pod at a refresh. */
export interface BackendFacts {
  readonly member: Member;
  /** Ready by the cluster's view. */
  readonly takesWork: boolean;
  /** And by what this front saw of it. */
  readonly ready: boolean;
  readonly weight: number;
}

export class Backend implements Candidate {
  readonly node: string;
  readonly local: boolean;
  readonly outcomes: Outcomes = createOutcomes();
  takesWork = false;
  ready = false;
  weight = 1;
  load = 0;
  capabilities: readonly string[] = [];
  resources: Resources | undefined;
  readySinceMs = -Infinity;
  instance: string | undefined;
  readonly #sessions: () => number;

  /** `sessions` is asked at each pick. */
  constructor(node: string, local: boolean, sessions: () => number) {
    this.node = node;
    this.local = local;
    this.#sessions = sessions;
  }

  /** True when the pod takes work and did not, or is another process than before; false for a pod seen first. */
  isBack({ instance }: Member, takesWork: boolean): boolean {
    if (this.instance === undefined) return false;
    return takesWork && (!this.takesWork || instance !== this.instance);
  }

  /** Takes over the latest facts; true when a picker made before is no longer good. */
  refresh({ member, takesWork, ready, weight }: BackendFacts, nowMs: number): boolean {
    const { capabilities = [] } = member;
    const changed =
      ready !== this.ready ||
      weight !== this.weight ||
      capabilities.join() !== this.capabilities.join();
    // Who is ready when this front starts is warm.
    if (this.isBack(member, takesWork)) this.readySinceMs = nowMs;
    this.instance = member.instance;
    this.takesWork = takesWork;
    this.ready = ready;
    this.weight = weight;
    this.capabilities = capabilities;
    this.load = member.load;
    this.resources = member.resources;
    return changed;
  }

  get active(): number {
    return this.outcomes.active;
  }
  get sessions(): number {
    return this.#sessions();
  }
  latencyMs(nowMs: number): number {
    return this.outcomes.latencyMs(nowMs);
  }
  successShare(nowMs: number): number {
    return this.outcomes.successShare(nowMs);
  }
}
