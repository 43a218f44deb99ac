/** What a simulated member needs of the world, and what it does when its leader is lost. */
import type { Entry, HardState, Message, RaftCore, Ready } from '../../src/raft/core/index.ts';
import type { Proposals } from '../../src/raft/proposals.ts';
import type { Random } from '../../src/std/index.ts';
import type { Checker } from './checker.ts';
import type { DiskRecord, SnapshotFile } from './disk.ts';
import type { SimMember } from './member.ts';
import type { Oracle } from './oracle.ts';
import { TICK_MS, type Settings } from './settings.ts';
import type { Tracer } from './tla-tracer.ts';
import type { TraceLog } from './trace-log.ts';

export interface MemberPorts {
  readonly settings: Settings;
  readonly checker: Checker;
  readonly oracle: Oracle;
  readonly trace: TraceLog;
  readonly tracer: Tracer | undefined;
  readonly now: () => number;
  random(member: string, life: number): Random;
  send(message: Message): void;
  /** Runs `action` in the same life of the member, after a delay, and when it is not held up. */
  later(member: SimMember, delayMs: number, action: () => void): void;
  started(member: SimMember): void;
  crashed(member: SimMember): void;
  elected(member: SimMember): void;
}

/** The connection to `peer` broke, which is a reason to ask for an election when it was the leader: by rank. */
export function takeOver(
  member: SimMember,
  core: RaftCore,
  peer: string,
  random: Random,
  { settings, later }: MemberPorts,
): void {
  const { leaderId, role, term, configuration } = core.status();
  core.reportUnreachable(peer);
  core.reportSnapshot(peer, false);
  if (leaderId !== peer || role !== 'follower' || !core.forgetLeader()) return;
  const rank = configuration.voters.filter((voter) => voter !== peer).indexOf(member.id);
  const staggerMs = (settings.core.heartbeatTicks * TICK_MS) / 2;
  later(member, Math.max(0, (rank + random.next() / 3) * staggerMs), () =>
    member.run((now) => {
      const status = now.status();
      const settled = status.leaderId !== undefined || status.role !== 'follower';
      if (!settled && status.term === term) now.campaign();
    }),
  );
}

/** The command that writes `serial`. */
export function commandOf(serial: number): Uint8Array {
  const data = Buffer.allocUnsafe(6);
  data.writeUIntBE(serial, 0, 6);
  return data;
}

/** The serial that a command carries. */
export function serialOf(proposals: Proposals, { data }: Entry): number {
  const command = proposals.split(data);
  return Buffer.from(command.buffer, command.byteOffset, command.byteLength).readUIntBE(0, 6);
}

/** Hands waiting proposals to the core, as far as it takes them. */
export function giveProposals(core: RaftCore, proposals: Proposals, { traced }: Settings): void {
  for (;;) {
    const { leaderId, term } = core.status();
    if (leaderId === undefined) return;
    const batch = proposals.next(traced ? 1 : 100);
    if (batch === undefined) return;
    const result = core.propose(batch.commands, batch.request);
    if (result !== 'appended' && result !== 'forwarded') return proposals.returned(batch.request);
    proposals.accepted(batch.request, term);
  }
}

/** The state as it is now, unless there is a snapshot of it already. */
export function snapshotOf(
  core: RaftCore,
  { log, machine, disk }: SimMember,
): SnapshotFile | undefined {
  const { appliedIndex: index, configuration } = core.status();
  const term = log.termAt(index);
  if (term === undefined || index !== machine.index) return undefined;
  if (index <= disk.snapshot.meta.index) return undefined;
  return { meta: { index, term, configuration }, state: machine.snapshot() };
}

/** What one write consists of, in the order of the real log. */
export function recordsOf(
  { snapshot, entries }: Ready,
  hardState: HardState | undefined,
): DiskRecord[] {
  const records: DiskRecord[] = entries.map((entry) => ({ type: 'entry', entry }));
  if (snapshot !== undefined) records.unshift({ type: 'snapshot', meta: snapshot });
  if (hardState !== undefined) records.push({ type: 'hard-state', hardState });
  return records;
}
