/** Our core with one mistake in it, loaded beside the right one: what the comparison is worth shows in whether it notices. */
import { registerHooks } from 'node:module';
import { assert } from '../../src/std/index.ts';
import type { CoreFactory } from './member.ts';

interface Mutant {
  /** File of the core. */
  readonly file: string;
  /** What the source says, and what the mutant says in its place. */
  readonly from: string;
  readonly to: string;
}

const CORE = new URL('../../src/raft/core/', import.meta.url).href;

export const MUTANTS = {
  'entries of older terms are committed by counting': {
    file: 'replication.ts',
    from: '|| state.log.termAt(index) !== state.term',
    to: '',
  },
  'a follower commits beyond what a message verified': {
    file: 'replication.ts',
    from: 'log.commitTo(Math.min(message.commit, lastMatching))',
    to: 'log.commitTo(Math.min(message.commit, log.lastIndex))',
  },
  'the vote is forgotten when a candidate steps down': {
    file: 'state.ts',
    from: 'if (term > state.term) {',
    to: 'if (term >= state.term) {',
  },
  'a joint configuration needs the new majority only': {
    file: 'quorum.ts',
    from: 'return [new Set(voters), new Set(votersOutgoing)];',
    to: 'return [new Set(voters)];',
  },
  'a write of an earlier term counts as durable': {
    file: 'node.ts',
    from: 'if (mark.term === state.term) state.log.persisted(mark);',
    to: 'state.log.persisted(mark);',
  },
  'a lost message is never sent again': {
    file: 'replication.ts',
    from: `progress.recentlyActive = true;
  // A lost message must not keep the follower waiting for ever.
  progress.paused = false;`,
    to: 'progress.recentlyActive = true;',
  },
} as const satisfies Record<string, Mutant>;

export type MutantName = keyof typeof MUTANTS;

/** The factory of the core with the mistake `name` in it. The right core stays what it is. */
export async function mutatedCore(name: MutantName): Promise<CoreFactory> {
  const { file, from, to } = MUTANTS[name];
  const mark = `?mutant=${encodeURIComponent(name)}`;
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const inside = context.parentURL?.endsWith(mark) === true || specifier.endsWith(mark);
      if (!inside || !resolved.url.startsWith(CORE) || resolved.url.endsWith(mark)) return resolved;
      return { ...resolved, url: resolved.url + mark };
    },
    load(url, context, next) {
      const loaded = next(url, context);
      if (url !== `${CORE}${file}${mark}`) return loaded;
      const source = Buffer.from(loaded.source as Uint8Array).toString();
      assert(source.split(from).length === 2, `${file} has the line that the mutant changes once`);
      return { ...loaded, source: source.replace(from, to) };
    },
  });
  try {
    const core = (await import(`${CORE}index.ts${mark}`)) as {
      readonly createRaftCore: CoreFactory;
    };
    return core.createRaftCore;
  } finally {
    hooks.deregister();
  }
}
