/** What comes in from the network: checked until it is a message that the core may see, or refused with a reason. */
import { err, ok, type Result } from '../std/index.ts';
import type { Wire } from '../rpc/index.ts';
import type { SnapshotInfo } from './codec.ts';
import type { Configuration, Message, RefusalReason, StateCheck } from './core/index.ts';
import { unpackCommands, unpackEntries } from './packing.ts';

const NAME_LENGTH_MAX = 256;
const MEMBERS_MAX = 1_024;
const SHA256 = /^[0-9a-f]{64}$/;
/** A record, so that a reason which is added later cannot be forgotten here: it would be taken for another. */
const REFUSAL_REASONS: Readonly<Record<RefusalReason, true>> = {
  'not-leader': true,
  overloaded: true,
  transferring: true,
  removed: true,
  'term-uncommitted': true,
  'change-pending': true,
  joint: true,
  'not-joint': true,
  'invalid-change': true,
  'not-caught-up': true,
};

/** Why a message that came in is not given to the core. */
export type WireProblem =
  /** No such message in this release. */
  | 'unknown-kind'
  /** A number that is negative, not whole, or beyond what a double holds exactly. */
  | 'impossible-number'
  /** Terms that no member can have come by: of an entry newer than its leader, or falling from one entry to the next. */
  | 'impossible-term'
  /** Entries, commands or names that are not what their frame says. */
  | 'malformed';

/** A message that came in; `file` is there with a snapshot's announcement. */
export interface Incoming {
  readonly message: Message;
  readonly file?: SnapshotInfo;
}

type Envelope = Pick<Message, 'groupId' | 'from' | 'to' | 'term'>;
type Decoded = Result<Incoming, WireProblem>;
type Bodies = Required<Omit<Wire.RaftMessage, 'body' | keyof Envelope>>;

/** The message, or why it is none that the core may see. */
export function decodeMessage(wire: Wire.RaftMessage): Decoded {
  const { groupId, from, to, term, body } = wire;
  if (!isNumber(term)) return err('impossible-number');
  if (![groupId, from, to].every(isName)) return err('malformed');
  if (body === undefined) return err('unknown-kind');
  return decodeBody(body, wire as Bodies, { groupId, from, to, term });
}

function decodeBody<Body extends keyof Bodies>(
  body: Body,
  wire: Bodies,
  envelope: Envelope,
): Decoded {
  return DECODERS[body](wire[body], envelope);
}

const accept = (message: Message): Decoded => ok({ message });

const DECODERS: {
  readonly [Body in keyof Bodies]: (body: Bodies[Body], envelope: Envelope) => Decoded;
} = {
  append: decodeAppend,
  appendResponse: decodeAppendResponse,
  heartbeat({ commit, round, check, divergent }, envelope) {
    if (!isNumber(commit) || !isNumber(round) || !isCheck(check)) return err('impossible-number');
    const optional = { ...checkOf(check), ...(divergent ? { divergent } : {}) };
    return accept({ ...envelope, type: 'heartbeat', commit, round, ...optional });
  },
  heartbeatResponse({ round, check }, envelope) {
    if (!isNumber(round) || !isCheck(check)) return err('impossible-number');
    return accept({ ...envelope, type: 'heartbeat-response', round, ...checkOf(check) });
  },
  voteRequest({ lastIndex, lastTerm, preVote, transfer }, envelope) {
    if (!isNumber(lastIndex) || !isNumber(lastTerm)) return err('impossible-number');
    if (lastTerm > envelope.term) return err('impossible-term');
    const type = 'vote-request';
    return accept({ ...envelope, type, preVote, lastIndex, lastTerm, transfer });
  },
  voteResponse({ lastIndex, lastTerm, preVote, granted }, envelope) {
    if (!isNumber(lastIndex) || !isNumber(lastTerm)) return err('impossible-number');
    return accept({ ...envelope, type: 'vote-response', preVote, granted, lastIndex, lastTerm });
  },
  propose({ request, commands, config }, envelope) {
    if (!isNumber(request)) return err('impossible-number');
    const unpacked = unpackCommands(commands);
    if (unpacked === undefined) return err('malformed');
    const kind = config ? 'config' : 'command';
    return accept({ ...envelope, type: 'propose', request, kind, commands: unpacked });
  },
  proposeRefusal({ request, reason }, envelope) {
    if (!isNumber(request)) return err('impossible-number');
    // A reason of a later release: the proposal was not taken, and that is what its owner has to know.
    const known = Object.hasOwn(REFUSAL_REASONS, reason) ? (reason as RefusalReason) : 'not-leader';
    return accept({ ...envelope, type: 'propose-refusal', request, reason: known });
  },
  readIndex: ({ context }, envelope) =>
    isName(context) ? accept({ ...envelope, type: 'read-index', context }) : err('malformed'),
  readIndexResponse({ context, index }, envelope) {
    if (!isName(context)) return err('malformed');
    if (!isNumber(index)) return err('impossible-number');
    return accept({ ...envelope, type: 'read-index-response', context, index });
  },
  snapshot: decodeSnapshot,
  snapshotResponse: ({ index, arrived }, envelope) =>
    isNumber(index)
      ? accept({ ...envelope, type: 'snapshot-response', index, arrived })
      : err('impossible-number'),
  transferLeader: ({ transferee }, envelope) =>
    isName(transferee)
      ? accept({ ...envelope, type: 'transfer-leader', transferee })
      : err('malformed'),
  timeoutNow: (_body, envelope) => accept({ ...envelope, type: 'timeout-now' }),
  removed: ({ index }, envelope) =>
    isNumber(index) ? accept({ ...envelope, type: 'removed', index }) : err('impossible-number'),
};

function decodeAppend(append: Wire.Append, envelope: Envelope): Decoded {
  const { prevIndex, prevTerm, commit } = append;
  if (![prevIndex, prevTerm, commit].every(isNumber)) return err('impossible-number');
  const entries = unpackEntries(append.entries, prevIndex + 1);
  if (entries === undefined) return err('malformed');
  if (!isNumber(prevIndex + entries.length)) return err('impossible-number');
  if ((prevIndex === 0) !== (prevTerm === 0)) return err('impossible-term');
  let before = prevTerm;
  for (const { term } of entries) {
    if (term < before) return err('impossible-term');
    before = term;
  }
  if (before > envelope.term) return err('impossible-term');
  return accept({ ...envelope, type: 'append', prevIndex, prevTerm, commit, entries });
}

function decodeAppendResponse(response: Wire.AppendResponse, envelope: Envelope): Decoded {
  const { rejected, index, hintIndex, hintTerm } = response;
  if (![index, hintIndex, hintTerm].every(isNumber)) return err('impossible-number');
  const type = 'append-response';
  return rejected
    ? accept({ ...envelope, type, rejected, index, hintIndex, hintTerm })
    : accept({ ...envelope, type, rejected, index });
}

function decodeSnapshot(snapshot: Wire.Snapshot, envelope: Envelope): Decoded {
  const { index, term, bytes, sha256 } = snapshot;
  if (![index, term, bytes].every(isNumber) || index === 0) return err('impossible-number');
  if (term > envelope.term) return err('impossible-term');
  const configuration = decodeConfiguration(snapshot.configuration);
  if (configuration === undefined || !SHA256.test(sha256)) return err('malformed');
  const meta = { index, term, configuration };
  return ok({ message: { ...envelope, type: 'snapshot', meta }, file: { bytes, sha256 } });
}

function decodeConfiguration(wire: Wire.Configuration | null): Configuration | undefined {
  if (wire === null) return undefined;
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = wire;
  const sets = [voters, votersOutgoing, learners, learnersNext];
  const sound = sets.every((ids) => ids.length <= MEMBERS_MAX && ids.every(isName));
  return sound ? { voters, votersOutgoing, learners, learnersNext, autoLeave } : undefined;
}

function isNumber(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isName(value: string): boolean {
  return value.length > 0 && value.length <= NAME_LENGTH_MAX;
}

function isCheck(check: Wire.StateCheck | null): boolean {
  return check === null || (isNumber(check.index) && Number.isFinite(check.checksum));
}

function checkOf(check: Wire.StateCheck | null): { check?: StateCheck } {
  return check === null ? {} : { check: { index: check.index, checksum: check.checksum } };
}
