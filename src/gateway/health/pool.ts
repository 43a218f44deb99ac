/** The pods and the picker over them, renewed only when something about them makes a difference. */
import type { Clock } from '../../std/index.ts';
import { createBalancer } from '../core/balancers.ts';
import type { Balancer, Picker } from '../core/balancer.ts';
import { hasAll } from '../core/capability.ts';
import type { Member } from '../core/types.ts';
import type { LoadBalancingPolicy } from '../policies.ts';
import type { Cluster } from '../ports.ts';
import { Backend } from './backends.ts';

export interface PoolOptions {
  readonly cluster: Cluster;
  /** Sessions per node. */
  readonly sessions: () => ReadonlyMap<string, number>;
  /** This pod takes new work: its MCP server answers, it is not draining, and its lease is in force. */
  readonly selfReady: () => boolean;
  readonly policy: () => LoadBalancingPolicy;
  readonly clock: Clock;
}

/** What is known of pods beyond the cluster's view. */
export interface PoolJudge {
  /** The pod did not take work, or was another process, and takes it now. */
  isBack(node: string): void;
  /** Asked for each pod that takes work; `working` are all of those. */
  isWell(node: string, working: readonly string[]): boolean;
}

export interface Pool {
  readonly backends: ReadonlyMap<string, Backend>;
  /** True when policy or this pod's own readiness changed since the last refresh. */
  isStale(): boolean;
  /** Takes the cluster's view over. */
  refresh(judge: PoolJudge): void;
  picker(): Picker;
  /** The labels, if some ready pod has them all; else none. */
  offered(requires: readonly string[]): readonly string[];
}

export function createPool(options: PoolOptions): Pool {
  const { cluster, clock } = options;
  const backends = new Map<string, Backend>();
  let policy = options.policy();
  let balancer: Balancer = createBalancer(policy);
  let picker: Picker = balancer.update([]);
  let selfReady = false;

  const backendOf = (node: string): Backend =>
    backends.get(node) ??
    new Backend(node, node === cluster.self.node, () => options.sessions().get(node) ?? 0);
  const takesWork = ({ node, ready }: Member): boolean =>
    ready && (node !== cluster.self.node || selfReady);
  return {
    backends,
    isStale: () => policy !== options.policy() || selfReady !== options.selfReady(),
    refresh(judge) {
      selfReady = options.selfReady();
      const latest = options.policy();
      let changed = latest !== policy;
      if (changed) balancer = createBalancer((policy = latest));
      const members = cluster.members();
      const working = members.filter(takesWork).map(({ node }) => node);
      const gone = new Set(backends.keys());
      for (const member of members) {
        const { node } = member;
        const backend = backendOf(node);
        if (!gone.delete(node)) changed = true;
        backends.set(node, backend);
        const works = takesWork(member);
        if (backend.isBack(member, works)) judge.isBack(node);
        const facts = {
          member,
          takesWork: works,
          ready: works && judge.isWell(node, working),
          weight: member.weight ?? policy.weights[node] ?? 1,
        };
        if (backend.refresh(facts, clock.monotonic())) changed = true;
      }
      for (const node of gone) backends.delete(node);
      if (changed || gone.size > 0) picker = balancer.update([...backends.values()]);
    },
    picker: () => picker,
    offered(requires) {
      const able = [...backends.values()].some((each) => each.ready && hasAll(each, requires));
      return able ? requires : [];
    },
  };
}
