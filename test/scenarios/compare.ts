/** What two outputs of a scenario must have in common: everything but their log lines, and the order within a step. */

/** One member doing one thing, and what came of it. */
export interface Block {
  readonly title: string;
  /** Sorted: which message of a step is sent first means nothing. */
  readonly lines: readonly string[];
}

/**
 * Lines of etcd's logger, errors of its calls, and the word of its storage threads, for which we have marks; and what says that
 * nothing happened, since a Ready of ours may hold messages alone that etcd has not.
 */
const NOISE = [
  /^(DEBUG|INFO|WARN|ERROR|FATAL) /,
  /^raft: cannot step as peer not found$/,
  /MsgStorage(Append|Apply)Resp/,
  /^\]$/,
  /^no messages$/,
  /^ok$/,
  /^<empty Ready>$/,
];
const SECTION = /^(Entries|CommittedEntries|Messages|Processing|Responses):$/;
const ENTRY = /^\d+\/\d+ Entry/;

/** The steps in `output`; one in which nothing happened but noise is left out. */
export function blocksOf(output: string): Block[] {
  const blocks: { title: string; lines: string[] }[] = [{ title: '', lines: [] }];
  let section = '';
  for (const raw of joined(output).split('\n')) {
    const line = raw
      .trim()
      .replace(/ Responses:\[$/, '')
      .replaceAll('EntryConfChangeV2', 'EntryConfChange');
    if (line.startsWith('> ')) {
      blocks.push({ title: line, lines: [] });
      section = '';
    } else if (SECTION.test(line)) section = line;
    else if (line !== '' && !NOISE.some((pattern) => pattern.test(line))) {
      blocks.at(-1)?.lines.push(ENTRY.test(line) ? `${section} ${line}` : line);
    }
  }
  return blocks
    .map(({ title, lines }) => ({ title, lines: withoutFlush(lines).toSorted() }))
    .filter(({ lines }) => lines.length > 0);
}

/** We flush whatever comes with a snapshot, even when it is a commit index alone. */
function withoutFlush(lines: readonly string[]): readonly string[] {
  if (!lines.some((line) => line.startsWith('Snapshot '))) return lines;
  return lines.filter((line) => !line.startsWith('Ready MustSync='));
}

/** Entries and a snapshot on the line of their message. */
function joined(output: string): string {
  return output
    .replaceAll(/ Entries:\[\n([^\]]*?)\n\s*\]/g, (_, inner: string) => {
      const entries = inner.split('\n').map((line) => line.trim());
      return ` Entries:[${entries.join(', ')}]`;
    })
    .replaceAll(/\n\s*Snapshot: /g, ' Snapshot: ');
}
