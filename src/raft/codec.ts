/** Raft messages as they travel: the core's unions to and from the generated protobuf shapes. */
import { unreachable } from '../std/index.ts';
import type { Wire } from '../rpc/index.ts';
import type { Entry, Message } from './core/index.ts';

const KINDS = ['command', 'empty'] as const;
/** What an entry or a message costs beside its data, roughly. */
const OVERHEAD_BYTES = 32;

/** Approximate size on the wire. */
export function messageBytes(message: Message): number {
  let payloads: readonly Uint8Array[] = [];
  if (message.type === 'append') payloads = message.entries.map(({ data }) => data);
  if (message.type === 'propose') payloads = message.commands;
  return payloads.reduce((sum, data) => sum + OVERHEAD_BYTES + data.length, 2 * OVERHEAD_BYTES);
}

export function encodeMessage(message: Message): Wire.RaftMessageInput {
  const { groupId, from, to, term } = message;
  return { groupId, from, to, term, ...encodeBody(message) };
}

/** The body under its field; protobuf takes from it the fields it knows. */
function encodeBody(message: Message): Wire.RaftMessageInput {
  switch (message.type) {
    case 'append':
      return { append: encodeAppend(message) };
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
    case 'propose':
      return { propose: message };
    case 'propose-refusal':
      return { proposeRefusal: message };
    case 'read-index':
      return { readIndex: message };
    case 'read-index-response':
      return { readIndexResponse: message };
    default:
      return unreachable(message);
  }
}

function encodeAppend(append: Message & { type: 'append' }): Wire.AppendInput {
  return {
    ...append,
    entries: append.entries.map((entry) => ({ ...entry, kind: KINDS.indexOf(entry.kind) })),
  };
}

/** The message, or undefined when it is not one that this program knows: it is dropped and counted then. */
export function decodeMessage(wire: Wire.RaftMessage): Message | undefined {
  const { groupId, from, to, term } = wire;
  const envelope = { groupId, from, to, term };
  if (wire.append != null) {
    const entries = wire.append.entries.map(decodeEntry);
    const first = wire.append.prevIndex + 1;
    if (entries.some((entry, i) => entry?.index !== first + i)) return undefined;
    return { ...envelope, ...wire.append, type: 'append', entries: entries as Entry[] };
  }
  if (wire.appendResponse != null) {
    const { rejected, index, hintIndex, hintTerm } = wire.appendResponse;
    return rejected
      ? { ...envelope, type: 'append-response', rejected, index, hintIndex, hintTerm }
      : { ...envelope, type: 'append-response', rejected, index };
  }
  if (wire.heartbeat != null) return { ...envelope, type: 'heartbeat', ...wire.heartbeat };
  if (wire.heartbeatResponse != null) {
    return { ...envelope, type: 'heartbeat-response', ...wire.heartbeatResponse };
  }
  if (wire.voteRequest != null) return { ...envelope, type: 'vote-request', ...wire.voteRequest };
  if (wire.voteResponse != null)
    return { ...envelope, type: 'vote-response', ...wire.voteResponse };
  if (wire.propose != null) return { ...envelope, type: 'propose', ...wire.propose };
  if (wire.proposeRefusal != null) {
    const reason = wire.proposeRefusal.reason === 'overloaded' ? 'overloaded' : 'not-leader';
    return { ...envelope, type: 'propose-refusal', request: wire.proposeRefusal.request, reason };
  }
  if (wire.readIndex != null) return { ...envelope, type: 'read-index', ...wire.readIndex };
  if (wire.readIndexResponse != null) {
    return { ...envelope, type: 'read-index-response', ...wire.readIndexResponse };
  }
  return undefined;
}

function decodeEntry({ index, term, kind, data }: Wire.RaftEntry): Entry | undefined {
  const name = KINDS[kind];
  return name === undefined ? undefined : { index, term, kind: name, data };
}
