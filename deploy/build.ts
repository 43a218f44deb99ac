/**
 * Bundles the program: `dist/mcp-cluster.mjs` with its lazily loaded subcommands, the plugin of kubectl, and the pod network
 * preload. With `--sbom`,
 * as `npm run build` does it, also `sbom.cdx.json`: the packages whose code is in the bundle.
 */
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { lazyBuiltins } from './lazy-builtins.ts';
import { billOfMaterials } from './sbom.ts';

const root = join(import.meta.dirname, '..');

/** Writes the bundle to `folder`, which is replaced in one step. */
export async function bundle(folder: string, options: { readonly sbom: boolean }): Promise<void> {
  const next = `${folder}.next`;
  await rm(next, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: {
      'mcp-cluster': 'src/cli/main.ts',
      'kubectl-mcp': 'src/cli/kubectl-mcp.ts',
      'pod-network': 'src/devcluster/network/pod-network.ts',
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
    metafile: true,
    plugins: [lazyBuiltins],
    // CommonJS dependencies inside an ES module bundle call require() for Node's own modules.
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
  });
  if (options.sbom) {
    const inside = Object.values(metafile.outputs).flatMap(({ inputs }) =>
      Object.keys(inputs).filter((path) => (inputs[path]?.bytesInOutput ?? 0) > 0),
    );
    const bill = await billOfMaterials(root, inside);
    await writeFile(join(next, 'sbom.cdx.json'), `${JSON.stringify(bill, null, 1)}\n`);
  }
  // In one step, for a cluster that runs from the bundle goes on starting pods.
  await rm(folder, { recursive: true, force: true });
  await rename(next, folder);
}

if (import.meta.main) {
  await bundle(join(root, 'dist'), { sbom: process.argv.includes('--sbom') });
  console.error('dist/mcp-cluster.mjs is built');
}
