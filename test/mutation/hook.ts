/** Loads sources with a mutant's edits: under a module query in this process, or everywhere when MUTANT names one. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { MUTANTS, type Mutant } from './mutants.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const QUERY = '?mutant=';

/** The text of a file after the edits of a mutant; throws when one of them does not fit any more. */
export function mutated(mutant: Mutant, file: string, source: string): string {
  let text = source;
  for (const { file: edited, find, replace } of mutant.edits) {
    if (edited !== file) continue;
    const parts = text.split(find);
    if (parts.length !== 2) {
      throw new Error(`${file}: "${find}" occurs ${parts.length - 1} times (bug ${mutant.bug})`);
    }
    text = parts.join(replace);
  }
  return text;
}

/** Fails for an edit that does not fit its file, and for one that changes nothing. */
export function check(mutant: Mutant): void {
  for (const { file } of mutant.edits) {
    const source = readFileSync(ROOT + file, 'utf8');
    if (mutated(mutant, file, source) === source) throw new Error(`${file} stays as it is`);
  }
}

/** From now on `import('…?mutant=N')` loads a module, and all that it imports, with mutant N. */
export function installHook(everywhere?: number): void {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context);
      const query = context.parentURL === undefined ? '' : new URL(context.parentURL).search;
      const isOurs =
        resolved.url.startsWith(`file://${ROOT}`) && !resolved.url.includes('/node_modules/');
      if (!query.startsWith(QUERY) || !isOurs || resolved.url.includes('?')) return resolved;
      return { ...resolved, url: resolved.url + query };
    },
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const at = url.indexOf(QUERY);
      const number = at < 0 ? everywhere : Number(url.slice(at + QUERY.length));
      const mutant = number === undefined ? undefined : MUTANTS[number];
      if (mutant === undefined || !url.startsWith(`file://${ROOT}`)) return loaded;
      const file = fileURLToPath(at < 0 ? url : url.slice(0, at)).slice(ROOT.length);
      if (!mutant.edits.some((edit) => edit.file === file)) return loaded;
      return { ...loaded, source: mutated(mutant, file, String(loaded.source)) };
    },
  });
}

const everywhere = process.env['MUTANT'];
if (everywhere !== undefined) installHook(Number(everywhere));
