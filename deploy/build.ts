/** Bundles the program: `dist/mcp-cluster.mjs` with its lazily loaded subcommands, and the pod network preload. */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

const next = `${dist}.next`;

await rm(next, { recursive: true, force: true });
await build({
  entryPoints: {
    'mcp-cluster': join(root, 'src/cli/main.ts'),
    'pod-network': join(root, 'src/devcluster/network/pod-network.ts'),
  },
  outdir: next,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node26',
  format: 'esm',
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: 'linked',
  legalComments: 'linked',
  logLevel: 'warning',
  // CommonJS dependencies inside an ES module bundle call require() for Node's own modules.
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
});
// In one step, for a cluster that runs from the bundle goes on starting pods.
await rm(dist, { recursive: true, force: true });
await rename(next, dist);
console.error('dist/mcp-cluster.mjs is built');
