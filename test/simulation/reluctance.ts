/** Members that are fenced, so are to lead only if no other can: each goes by the rule of the sidecar, `createCordon`. */
import { createCordon } from '../../src/sidecar/cordon.ts';
import type { RaftStatus } from '../../src/raft/index.ts';
import type { Clock } from '../../src/std/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import type { SimMember } from './member.ts';

export interface ReluctancePorts {
  readonly fenced: ReadonlySet<string>;
  readonly now: () => number;
  later(member: SimMember, delayMs: number, action: () => void): void;
}

/** For as long as the member lives; a process that starts knows nothing of it before it looks. */
export function keepCordon(member: SimMember, { fenced, now, later }: ReluctancePorts): void {
  const clock: Clock = {
    monotonic: now,
    wall: now,
    schedule(delayMs, callback) {
      let isCancelled = false;
      later(member, delayMs, () => {
        if (!isCancelled) callback();
      });
      return () => void (isCancelled = true);
    },
  };
  createCordon({
    self: member.id,
    fenced: () => [...fenced],
    raft: {
      status: () => statusOf(member),
      avoidLeaders: (ids) => member.run((core) => core.setReluctant(ids.includes(member.id))),
      async transferLeadership(to = '') {
        member.run((core) => void core.transferLeadership(to));
      },
    },
    gateway: undefined,
    clock,
    logger: silentLogger,
  });
}

/** As much of it as the rule reads. */
function statusOf({ status, core }: SimMember): RaftStatus {
  const progress = core?.progress().map((row) => ({ ...row, matchIndex: row.match }));
  return { ...status, progress } as unknown as RaftStatus;
}

/** A fenced leader, while another voter could lead as well as it: it must not stay one. */
export function reluctantLeader(
  members: ReadonlyMap<string, SimMember>,
  fenced: ReadonlySet<string>,
): string | undefined {
  const leader = [...members.values()].find(({ id, isLeader }) => isLeader && fenced.has(id));
  const status = leader?.status;
  if (leader === undefined || status === undefined) return undefined;
  const able = status.configuration.voters.filter((id) => {
    const other = members.get(id);
    return !fenced.has(id) && other?.lost === false && other.up;
  });
  return able.length > 0 ? leader.id : undefined;
}
