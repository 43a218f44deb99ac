/** What can stand next on the command line, for the shell's completion of kubectl (`kubectl_complete-mcp`). */
import type { Command } from 'commander';
import { findCluster, listClusters, withSession, type ConnectionFlags } from './session.ts';

/** Cobra's word for "no file names": the last line of an answer. */
const NO_FILES = ':4';
const FLAGS_WITH_VALUE: Readonly<Record<string, keyof ConnectionFlags>> = {
  '-n': 'namespace',
  '--namespace': 'namespace',
  '--context': 'context',
  '--kubeconfig': 'kubeconfig',
  '--as': 'as',
};

const ignore = (): void => undefined;

/** One candidate a line; `words` are those typed so far, the last one being written. */
export async function complete(program: Command, words: readonly string[]): Promise<string> {
  const { flags, plain } = parsed(words);
  const begun = words.at(-1) ?? '';
  const [verb, name] = plain;
  const command = program.commands.find((each) => each.name() === verb);
  const candidates = await (async (): Promise<readonly string[]> => {
    if (begun.startsWith('-')) {
      return (command?.options ?? []).flatMap(({ long }) =>
        typeof long === 'string' ? [long] : [],
      );
    }
    if (command === undefined) return program.commands.map((each) => each.name());
    if (name === undefined) {
      return withSession(flags, ignore, async (session) => {
        const clusters = await listClusters(session, { allNamespaces: false });
        return clusters.map(({ metadata }) => metadata.name);
      });
    }
    if (command.registeredArguments.length < 2) return [];
    return withSession(flags, ignore, async (session) => {
      const { status } = await findCluster(session, name);
      return (status?.members ?? []).map((member) => member.name);
    });
  })().catch(() => []);
  return [...candidates.filter((each) => each.startsWith(begun)), NO_FILES].join('\n');
}

/** The flags that say which API server is asked, and the words before the one that is being written. */
function parsed(words: readonly string[]): { flags: ConnectionFlags; plain: readonly string[] } {
  const flags: Record<string, string> = {};
  const plain: string[] = [];
  const before = words.slice(0, -1);
  for (let index = 0; index < before.length; index++) {
    const word = before[index] ?? '';
    const [flag = '', inline] = word.split('=');
    const field = FLAGS_WITH_VALUE[flag];
    if (field !== undefined) flags[field] = inline ?? before[(index += 1)] ?? '';
    else if (!word.startsWith('-')) plain.push(word);
  }
  return { flags, plain };
}
