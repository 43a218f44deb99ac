/** Everything that can be compared, as text that is the same on both sides. */
import { unreachable } from '../../src/std/index.ts';
import { decodeConfigChange } from '../../src/raft/core/index.ts';
import type { Configuration, Entry, Message, RaftCore } from '../../src/raft/core/index.ts';

/** What can be seen of a running member, and what it has yet to write and to apply. */
export function describeMember(
  id: number,
  core: RaftCore,
  log: readonly Entry[],
  work: { readonly writes: number; readonly applies: number },
): string {
  const status = core.status();
  let text =
    `${id} ${status.role} term=${status.term} vote=${status.vote ?? 0} lead=${status.leaderId ?? 0}` +
    ` commit=${status.commitIndex} applied=${status.appliedIndex}` +
    ` conf=${describeConfiguration(status.configuration)} first=${status.firstIndex}` +
    ` log=[${describeEntries(log)}] work=${work.writes}/${work.applies}`;
  if (status.lastIndex !== status.firstIndex + log.length - 1) text += ` last=${status.lastIndex}`;
  if (status.role !== 'leader') return text;
  text += ` transferee=${status.transferee ?? 0}`;
  for (const row of core.progress().sort((a, b) => Number(a.id) - Number(b.id))) {
    if (row.id === String(id)) continue;
    text +=
      ` {${row.id} ${row.state} match=${row.match} next=${row.next} paused=${row.paused}` +
      ` active=${row.recentlyActive} flights=${row.inflight} pending=${row.pendingSnapshot ?? 0}}`;
  }
  return text;
}

export function describeConfiguration(configuration: Configuration): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  return [voters, votersOutgoing, learners, learnersNext, autoLeave].map(String).join('|');
}

function describeEntries(entries: readonly Entry[]): string {
  return entries.map((entry) => `${entry.index}/${entry.term}:${describeData(entry)}`).join(' ');
}

function describeData({ kind, data }: Entry): string {
  if (kind !== 'config') return kind === 'empty' ? '' : Buffer.from(data).toString('latin1');
  const change = decodeConfigChange(data);
  if (change === undefined) return '(unreadable)';
  const members = change.changes.map(({ type, id }) => ` ${type}-${id}`);
  return `(${change.transition}${members.join('')})`;
}

/** A message, or undefined for those that etcd's raft has not. */
export function describeMessage(message: Message): string | undefined {
  const text = describeContent(message);
  if (text === undefined || message.type === 'read-index') return text;
  return `t${message.term} ${text}`;
}

function describeContent(message: Message): string | undefined {
  switch (message.type) {
    case 'append': {
      const { prevIndex, prevTerm, commit, entries } = message;
      return `append prev=${prevIndex}/${prevTerm} commit=${commit} [${describeEntries(entries)}]`;
    }
    case 'append-response':
      if (!message.rejected) return `accept index=${message.index}`;
      return `reject index=${message.index} hint=${message.hintIndex}/${message.hintTerm}`;
    case 'heartbeat':
      return `heartbeat commit=${message.commit}`;
    case 'heartbeat-response':
      return 'heartbeat-response';
    case 'vote-request': {
      const { preVote, lastIndex, lastTerm, transfer } = message;
      return `vote-request pre=${preVote} last=${lastIndex}/${lastTerm} transfer=${transfer}`;
    }
    case 'vote-response':
      return `vote-response pre=${message.preVote} granted=${message.granted}`;
    case 'snapshot': {
      const { index, term, configuration } = message.meta;
      return `snapshot ${index}/${term} conf=${describeConfiguration(configuration)}`;
    }
    case 'timeout-now':
      return 'timeout-now';
    case 'transfer-leader':
      return `transfer-leader to=${message.transferee}`;
    case 'read-index':
      return 'read-index';
    case 'read-index-response':
      return `read-index-response index=${message.index}`;
    // What etcd's raft has not, or does not send here.
    case 'propose':
    case 'propose-refusal':
    case 'snapshot-response':
    case 'removed':
      return undefined;
    default:
      return unreachable(message);
  }
}

/** FNV-1a of plain text, 32 bits. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
