/** Taking out of the state what a driver has to do. */
import { hardStateOf, softStateOf, type CoreState } from './state.ts';
import type { HardState, Ready, SoftState, WriteMark } from './types.ts';

/** What the driver was told last, so that only changes come out. */
export interface Told {
  hard: HardState;
  soft: SoftState;
}

export function hasReady(state: CoreState, told: Told): boolean {
  return (
    state.messages.length > 0 ||
    state.messagesAfterSync.length > 0 ||
    state.readStates.length > 0 ||
    state.refusals.length > 0 ||
    state.log.hasUnwritten() ||
    state.log.hasSnapshotToInstall() ||
    !sameHard(told.hard, hardStateOf(state)) ||
    !sameSoft(told.soft, softStateOf(state))
  );
}

export function takeReady(state: CoreState, told: Told): Ready {
  const hard = hardStateOf(state);
  const soft = softStateOf(state);
  const hardState = sameHard(told.hard, hard) ? undefined : hard;
  const softState = sameSoft(told.soft, soft) ? undefined : soft;
  const voted = hard.term !== told.hard.term || hard.vote !== told.hard.vote;
  told.hard = hard;
  told.soft = soft;
  const snapshot = state.log.takeSnapshot();
  const entries = state.log.takeUnwritten();
  const mustSync = entries.length > 0 || voted || snapshot !== undefined;
  const { messages, messagesAfterSync, readStates, refusals } = state;
  state.messages = [];
  state.messagesAfterSync = [];
  state.readStates = [];
  state.refusals = [];
  return {
    softState,
    hardState,
    snapshot,
    entries,
    mustSync,
    mark: mustSync ? markOf(state, snapshot?.index) : undefined,
    messages,
    messagesAfterSync,
    readStates,
    refusals,
  };
}

/**
 * The mark names the last entry and the term in which it was handed out: a write that comes back in a later term proves
 * nothing, since the same index may have been replaced and written again meanwhile, in either order (the ABA problem). The
 * change of term is itself a write, whose mark covers what is still under way.
 */
function markOf(state: CoreState, snapshotIndex: number | undefined): WriteMark {
  const { lastIndex: index, lastTerm: entryTerm } = state.log;
  return { term: state.term, index, entryTerm, snapshotIndex };
}

function sameHard(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote && a.commit === b.commit;
}

function sameSoft(a: SoftState, b: SoftState): boolean {
  return a.role === b.role && a.leaderId === b.leaderId;
}
