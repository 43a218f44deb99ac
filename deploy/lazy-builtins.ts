/**
 * Imports of Node's own modules in the bundle, without what they load by the way. Importing a built-in module reads each of its
 * exports, those behind getters too: whoever imports `node:http` for a server also loads undici, for `WebSocket`: 35 ms and 15 MiB.
 * Such a module is required instead, and only its plain exports have names; the others are properties of its default export.
 */
import { createRequire } from 'node:module';
import type { Plugin } from 'esbuild';

/** Those whose getters load something. */
const MODULES = ['crypto', 'http', 'process', 'tls', 'util'];
const NAMESPACE = 'lazy-builtin';
const require = createRequire(import.meta.url);

/** For esbuild, which refuses to build when a name is imported that is behind a getter. */
export const lazyBuiltins: Plugin = {
  name: NAMESPACE,
  setup(build) {
    const filter = new RegExp(`^(node:)?(${MODULES.join('|')})$`);
    build.onResolve({ filter }, ({ path, kind }) =>
      // What is required runs no getter.
      kind === 'import-statement'
        ? { path: path.replace(/^node:/, ''), namespace: NAMESPACE, sideEffects: false }
        : undefined,
    );
    build.onLoad({ filter: /./, namespace: NAMESPACE }, ({ path }) => {
      const exports = Object.entries(Object.getOwnPropertyDescriptors(require(`node:${path}`)));
      const plain = exports.filter(
        ([, { value, enumerable }]) => value !== undefined && enumerable,
      );
      const named = plain.map(
        ([name]) => `const _${name} = all.${name};\nexport { _${name} as ${name} };\n`,
      );
      const all = `const all = process.getBuiltinModule('node:${path}');\nexport default all;\n`;
      return { contents: all + named.join('') };
    });
  },
};
