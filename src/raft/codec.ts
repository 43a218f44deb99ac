/** Raft messages as they travel: the core's unions as the generated protobuf shapes. */
import { unreachable } from '../std/index.ts';
import type { Wire } from '../rpc/index.ts';
import type { Entry, Message } from './core/index.ts';
import { packCommands, packEntries } from './packing.ts';

/** What an entry or a message costs beside its data, roughly. */
const OVERHEAD_BYTES = 32;

/** Size and SHA-256 (hexadecimal) of the file that a snapshot travels as. */
export interface SnapshotInfo {
  readonly bytes: number;
  readonly sha256: string;
}

/** Packs the entries of an append. */
export type Pack = (entries: readonly Entry[]) => Uint8Array;

/** Batches remembered between two calls of `forget`. */
const PACKED_MAX = 64;

/** Packs entries that go to several peers once: the same first and last entry of one log are the same entries. */
export function createPacker(): { readonly pack: Pack; forget(): void } {
  const known = new Map<Entry, { entries: readonly Entry[]; packed: Uint8Array }>();
  return {
    pack(entries) {
      const [first] = entries;
      if (first === undefined) return packEntries(entries);
      const found = known.get(first);
      const isSame = found?.entries.length === entries.length;
      if (isSame && found.entries.at(-1) === entries.at(-1)) return found.packed;
      const packed = packEntries(entries);
      if (known.size < PACKED_MAX) known.set(first, { entries, packed });
      return packed;
    },
    forget: () => known.clear(),
  };
}

/** Approximate size on the wire. */
export function messageBytes(message: Message): number {
  let bytes = 2 * OVERHEAD_BYTES;
  if (message.type === 'append') {
    for (const { data } of message.entries) bytes += OVERHEAD_BYTES + data.length;
  } else if (message.type === 'propose') {
    for (const { length } of message.commands) bytes += OVERHEAD_BYTES + length;
  }
  return bytes;
}

export function encodeMessage(
  message: Message,
  pack: Pack = packEntries,
  file?: SnapshotInfo,
): Wire.RaftMessageInput {
  const { groupId, from, to, term } = message;
  return { groupId, from, to, term, ...encodeBody(message, pack, file) };
}

/** The body under its field; protobuf takes from it the fields it knows. */
function encodeBody(
  message: Message,
  pack: Pack,
  file: SnapshotInfo | undefined,
): Wire.RaftMessageInput {
  switch (message.type) {
    case 'append':
      return { append: { ...message, entries: pack(message.entries) } };
    case 'append-response':
      return { appendResponse: message };
    case 'heartbeat':
      return { heartbeat: message };
    case 'heartbeat-response':
      return { heartbeatResponse: message };
    case 'vote-request':
      return { voteRequest: message };
    case 'vote-response':
      return { voteResponse: message };
    case 'propose': {
      const { request, commands, kind } = message;
      const config = kind === 'config';
      return { propose: { request, commands: packCommands(commands), config } };
    }
    case 'propose-refusal':
      return { proposeRefusal: message };
    case 'read-index':
      return { readIndex: message };
    case 'read-index-response':
      return { readIndexResponse: message };
    case 'snapshot':
      return { snapshot: { ...message.meta, ...file } };
    case 'snapshot-response':
      return { snapshotResponse: message };
    case 'transfer-leader':
      return { transferLeader: message };
    case 'timeout-now':
      return { timeoutNow: {} };
    case 'removed':
      return { removed: message };
    default:
      return unreachable(message);
  }
}
