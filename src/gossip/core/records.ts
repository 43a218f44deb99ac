/**
 * Who is right when two records of one member differ. State and self-description are ordered apart, each totally, so merging is
 * commutative, associative and idempotent: members that have heard the same things believe the same things.
 */
import type { MemberChange, MemberRecord, MemberState } from './model.ts';

/** At one incarnation the worse news wins: suspect beats alive, dead beats suspect, and a goodbye beats all. */
const RANK: Readonly<Record<MemberState, number>> = { alive: 0, suspect: 1, dead: 2, left: 3 };

/** True for states in which a member counts as running. */
export const isLive = (state: MemberState): boolean => state === 'alive' || state === 'suspect';

const instanceOf = (record: MemberRecord): string => record.meta['instance'] ?? '';

function isNewerClaim(known: MemberRecord, heard: MemberRecord): boolean {
  if (heard.incarnation !== known.incarnation) return heard.incarnation > known.incarnation;
  return RANK[heard.state] > RANK[known.state];
}

function isNewerDescription(known: MemberRecord, heard: MemberRecord): boolean {
  if (heard.version !== known.version) return heard.version > known.version;
  return instanceOf(heard) > instanceOf(known);
}

/** The newer claim about the state with the newer self-description; `known` itself when nothing in `heard` is newer. */
export function merge(known: MemberRecord, heard: MemberRecord): MemberRecord {
  const claim = isNewerClaim(known, heard) ? heard : known;
  const description = isNewerDescription(known, heard) ? heard : known;
  if (claim === known && description === known) return known;
  return { ...description, state: claim.state, incarnation: claim.incarnation };
}

/**
 * What a live member answers to a claim about itself. A claim that it is not alive, or an older life of its own under the
 * same id, is outdone by a higher incarnation and version; undefined when there is nothing to correct.
 */
export function refute(self: MemberRecord, heard: MemberRecord): MemberRecord | undefined {
  const stranger = instanceOf(heard) !== instanceOf(self);
  const contested = heard.state !== 'alive' || stranger;
  const incarnation =
    heard.incarnation > self.incarnation || (heard.incarnation === self.incarnation && contested)
      ? heard.incarnation + 1
      : self.incarnation;
  const version =
    heard.version > self.version || (heard.version === self.version && stranger)
      ? heard.version + 1
      : self.version;
  if (incarnation === self.incarnation && version === self.version) return undefined;
  return { ...self, incarnation, version };
}

/** What listeners are told when `previous` becomes `member`; often nothing, sometimes two things. */
export function changesBetween(
  previous: MemberRecord | undefined,
  member: MemberRecord,
): readonly MemberChange[] {
  if (previous === undefined) {
    const kind = isLive(member.state) ? 'joined' : member.state === 'left' ? 'left' : 'died';
    return [{ kind, member }];
  }
  const change = (kind: MemberChange['kind']): MemberChange => ({ kind, member, previous });
  const changes: MemberChange[] = [];
  const restarted = instanceOf(previous) !== instanceOf(member) && instanceOf(previous) !== '';
  if (restarted && isLive(member.state)) changes.push(change('restarted'));
  if (previous.state !== member.state) {
    if (member.state === 'suspect') changes.push(change('suspected'));
    else if (member.state === 'dead') changes.push(change('died'));
    else if (member.state === 'left') changes.push(change('left'));
    else if (previous.state === 'suspect') changes.push(change('refuted'));
    else if (!restarted) changes.push(change('joined'));
  }
  if (changes.length === 0 && member.version !== previous.version) changes.push(change('updated'));
  return changes;
}
