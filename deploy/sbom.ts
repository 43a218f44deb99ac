/** What the image is made of, as CycloneDX: npm's own list, cut down to what is really in the bundle, and Node itself. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses?: readonly object[];
}

/** The part of CycloneDX 1.5 that is changed here; the rest is passed on. */
export interface BillOfMaterials {
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
  readonly metadata: { readonly component: Component; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/**
 * `inputs` are the source files of the bundle, from the project's root. The same sources give the same text: npm's time and
 * serial number are left out. Rejects when npm fails or when it does not know a package that is in the bundle.
 */
export async function billOfMaterials(
  root: string,
  inputs: readonly string[],
): Promise<BillOfMaterials> {
  const { stdout } = await run(
    'npm',
    ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'],
    {
      cwd: root,
      maxBuffer: OUTPUT_BYTES_MAX,
      shell: process.platform === 'win32',
    },
  );
  const all = JSON.parse(stdout) as BillOfMaterials;
  const inside = bundledPackages(root, inputs).add(refOf(join(root, 'node_modules', 'node')));
  const components = all.components.filter((component) => inside.has(component['bom-ref']));
  const listed = new Set(components.map((component) => component['bom-ref']));
  const unknown = [...inside].filter((ref) => !listed.has(ref));
  if (unknown.length > 0)
    throw new Error(`npm sbom does not list ${unknown.join(', ')}: run npm ci, then again`);
  const { timestamp: _, component, ...metadata } = all.metadata;
  const { serialNumber: __, ...rest } = all;
  const kept = new Set([...listed, component['bom-ref']]);
  return {
    ...rest,
    metadata: {
      ...metadata,
      component: {
        ...component,
        type: 'application',
        // npm says how the folder is called.
        name: component['bom-ref'].replace(/@[^@]+$/, ''),
      } as Component,
    },
    components,
    dependencies: all.dependencies
      .filter(({ ref }) => kept.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((on) => kept.has(on)) })),
  };
}

/** `name@version` of each package that one of these files lies in. */
function bundledPackages(root: string, inputs: readonly string[]): Set<string> {
  const folders = inputs.flatMap(
    (path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  );
  return new Set([...new Set(folders)].map((folder) => refOf(join(root, folder))));
}

function refOf(folder: string): string {
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
  };
  return `${name}@${version}`;
}
