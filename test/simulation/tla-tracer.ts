/** Writes a run in the event schema of etcd's TLA+ trace validation. */
import type { ConfigChange, Entry, Message, Ready } from '../../src/raft/core/index.ts';
import type { SimMember } from './member.ts';

export class Tracer {
  constructor(_onLine: (line: string) => void, _now: () => number) {}
  started(_member: SimMember): void {}
  receives(_member: SimMember, _message: Message): boolean {
    return true;
  }
  changed(_member: SimMember): void {}
  ready(_member: SimMember, _ready: Ready): void {}
  applied(_member: SimMember, _entries: readonly Entry[]): void {}
  proposesChange(_member: SimMember, _change: ConfigChange): void {}
}
