/**
 * What the sessions of the cluster have heard of the server's tools. A client that never asked what its tools are like, or asked
 * too late, has others that did: the pods have every session's record, so that nobody has to be asked when a pod has just died.
 */
import type { Clock } from '../std/index.ts';
import { isRepeatable } from './repeat.ts';
import type { ParsedBody } from '../mcp/index.ts';
import type { SessionDirectory, SessionRecord } from './ports.ts';

export interface KnownTools {
  /** May this body of the session be sent again? Undefined: only a server can say. */
  mayRepeat(body: ParsedBody, record: SessionRecord | undefined): boolean | undefined;
}

export interface KnownToolsOptions {
  readonly directory: Pick<SessionDirectory, 'list'>;
  readonly clock: Clock;
}

/** What was gathered so recently is taken for what is known: after a death many ask at once. */
const FRESH_MS = 1_000;

/** The different lists that the sessions of each principal have seen: another one may see other tools. */
type Lists = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

export function createKnownTools({ directory, clock }: KnownToolsOptions): KnownTools {
  let gathered: Lists = new Map();
  let gatheredAt = -Infinity;
  const listsOf = (principal: string): (readonly string[])[] => {
    if (clock.monotonic() - gatheredAt >= FRESH_MS) {
      gathered = gather(directory.list());
      gatheredAt = clock.monotonic();
    }
    return [...(gathered.get(principal)?.values() ?? [])];
  };
  return {
    mayRepeat(body, record) {
      if (isRepeatable(body, record?.repeatableTools ?? [])) return true;
      const [first] = body.messages;
      const isCall = first?.kind === 'request' && first.message.method === 'tools/call';
      // What its own list did not say may not be repeated, nor what is no tool.
      if (record === undefined || body.batch || !isCall || hasListed(record)) return false;
      const verdicts = new Set(listsOf(record.principal).map((tools) => isRepeatable(body, tools)));
      const [only] = verdicts;
      return verdicts.size === 1 ? only : undefined;
    },
  };
}

const hasListed = ({ listDigests }: SessionRecord): boolean =>
  listDigests?.['tools/list'] !== undefined;

function gather(records: readonly SessionRecord[]): Lists {
  const lists = new Map<string, Map<string, readonly string[]>>();
  for (const { principal, listDigests, repeatableTools } of records) {
    // A list that a pod read for itself has no digest; it is known by what it allows.
    const digest = listDigests?.['tools/list'] ?? repeatableTools.join('\n');
    if (digest === '') continue;
    const known = lists.get(principal) ?? new Map<string, readonly string[]>();
    known.set(digest, repeatableTools);
    lists.set(principal, known);
  }
  return lists;
}
