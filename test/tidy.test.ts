/** Style and structure as tests: what is written here about the layout cannot drift from the source. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { REQUIREMENTS } from './requirements.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Which folders of `src/` each folder may import. Lower bands first; nothing imports sideways or upwards. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  std: [],
  api: ['std'],
  mcp: ['std'],
  telemetry: ['std'],
  host: ['std'],
  security: ['std', 'host', 'telemetry'],
  kube: ['std', 'telemetry', 'host'],
  rpc: ['std', 'telemetry', 'host', 'security'],
  raft: ['std', 'telemetry', 'host', 'rpc'],
  gossip: ['std', 'telemetry', 'host', 'rpc'],
  store: ['std', 'telemetry', 'host', 'rpc'],
  sessions: ['std', 'mcp', 'telemetry'],
  gateway: ['std', 'mcp', 'telemetry', 'host'],
  bridge: ['std', 'mcp', 'telemetry', 'host'],
  admin: ['std', 'mcp', 'telemetry', 'rpc', 'security'],
  operator: ['std', 'host', 'telemetry', 'security', 'api', 'kube', 'rpc'],
  sidecar: [
    ...['std', 'host', 'telemetry', 'security', 'mcp', 'rpc'],
    ...['raft', 'gossip', 'store', 'sessions', 'gateway', 'admin'],
  ],
  devcluster: ['std', 'host', 'telemetry', 'security', 'api', 'kube'],
  cli: [
    ...['std', 'api', 'mcp', 'telemetry', 'host', 'security', 'kube', 'rpc'],
    ...['operator', 'sidecar', 'devcluster', 'bridge'],
  ],
};

const TOP_LEVEL = [
  'LICENSE',
  'README.md',
  'bin',
  'charts',
  'crds',
  'deploy',
  'docs',
  'package-lock.json',
].concat(['package.json', 'proto', 'src', 'test', 'tsconfig.json']);
const FILE_LINES_MAX = 400;
/** Clocks, chance, I/O and Node itself: what a pure core must be given instead of reaching for. */
const IMPURE =
  /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|process\.|performance\.|console\.|crypto\.|fetch\()/;

function filesUnder(folder: string, extension = '.ts'): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes('/generated/'))
    .sort();
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const SOURCES = filesUnder('src');
const TESTS = filesUnder('test');

/** The source without comments and string contents, so that words in prose do not count as code. */
function codeOnly(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|[^:'"`])\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''");
}

interface Import {
  readonly from: string;
  readonly specifier: string;
  /** Path of the imported file under the project, or undefined for a package. */
  readonly target: string | undefined;
}

function importsOf(path: string): Import[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g;
  return [...read(path).matchAll(pattern)].map((match) => {
    const specifier = (match[1] ?? match[2]) as string;
    const target = specifier.startsWith('.')
      ? normalize(join(dirname(path), specifier))
      : undefined;
    return { from: path, specifier, target };
  });
}

const folderOf = (path: string): string => path.split('/')[1] as string;

test('folders of src are those of the import table', () => {
  const folders = readdirSync(join(ROOT, 'src')).filter((name) =>
    statSync(join(ROOT, 'src', name)).isDirectory(),
  );
  assert.deepEqual(folders.sort(), Object.keys(MAY_IMPORT).sort());
});

test('imports go downwards, never sideways, and through the index of the other folder', () => {
  const wrong = SOURCES.flatMap(importsOf).filter(({ from, target }) => {
    if (target === undefined) return false;
    if (!target.startsWith('src/')) return true;
    const [own, other] = [folderOf(from), folderOf(target)];
    if (own === other) return false;
    return !MAY_IMPORT[own]?.includes(other) || target !== `src/${other}/index.ts`;
  });
  assert.deepEqual(
    wrong.map(({ from, specifier }) => `${from} imports ${specifier}`),
    [],
  );
});

/** Folders that are pure as a whole, so that a core may import them. */
const PURE_FOLDERS = ['std', 'api', 'mcp'];

test('a core is pure: no Node module, no package, no clock, no chance, no log', () => {
  const cores = SOURCES.filter((path) => path.includes('/core/'));
  const problems = cores.flatMap((path) => {
    const foreign = importsOf(path).filter(({ target }) => {
      if (target === undefined) return true;
      return (
        !PURE_FOLDERS.some((folder) => target === `src/${folder}/index.ts`) &&
        dirname(target) !== dirname(path) &&
        !target.startsWith(`${corePrefix(path)}/`)
      );
    });
    const impure = IMPURE.exec(codeOnly(read(path)));
    return [
      ...foreign.map(({ specifier }) => `${path} imports ${specifier}`),
      ...(impure === null ? [] : [`${path} uses ${impure[1]}`]),
    ];
  });
  assert.deepEqual(problems, []);
});

function corePrefix(path: string): string {
  return path.slice(0, path.indexOf('/core/') + '/core'.length);
}

test('pure folders import nothing but each other', () => {
  const problems = SOURCES.filter((path) => PURE_FOLDERS.includes(folderOf(path)))
    .flatMap(importsOf)
    .filter(({ target }) => target === undefined)
    .map(({ from, specifier }) => `${from} imports ${specifier}`);
  assert.deepEqual(problems, []);
});

test(`no file is longer than ${FILE_LINES_MAX} lines`, () => {
  const long = [...SOURCES, ...TESTS].filter(
    (path) => read(path).split('\n').length > FILE_LINES_MAX + 1,
  );
  assert.deepEqual(long, []);
});

test('each file says what it is before its code, and each folder has an index', () => {
  const silent = SOURCES.filter((path) => !/^(#!.*\n)?\/(\*\*|\/)/.test(read(path)));
  assert.deepEqual(silent, []);
  const doorless = Object.keys(MAY_IMPORT).filter(
    (folder) => folder !== 'cli' && !SOURCES.includes(`src/${folder}/index.ts`),
  );
  assert.deepEqual(doorless, []);
});

test('no source file is dead: every one is reached from an entry point', () => {
  const entries = [
    'src/cli/main.ts',
    'src/cli/kubectl-mcp.ts',
    'src/devcluster/network/pod-network.ts',
    ...filesUnder('deploy'),
    ...SOURCES.filter((path) => path.endsWith('/generate.ts')),
    ...TESTS,
  ];
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path) || !path.endsWith('.ts')) return;
    reached.add(path);
    for (const { target } of importsOf(path)) if (target !== undefined) visit(target);
  };
  for (const entry of entries) visit(entry);
  assert.deepEqual(
    SOURCES.filter((path) => !reached.has(path)),
    [],
  );
});

test('nothing is left undone or switched off in the code', () => {
  const banned =
    /\b(TODO|FIXME|XXX|HACK)\b|@ts-(ignore|nocheck)|\b(describe|it|test)\.only\(|(?:eslint|oxlint)-disable/;
  const hits = [...SOURCES, ...TESTS]
    .filter((path) => path !== 'test/tidy.test.ts')
    .filter((path) => banned.test(read(path)));
  assert.deepEqual(hits, []);
});

test('the map in README.md is the import table', () => {
  const rows = [...read('README.md').matchAll(/^\| `(\w+)` +\|[^|]*\| ([^|]*) \|$/gm)];
  const drawn = Object.fromEntries(
    rows.map(([, folder, list]) => [
      folder,
      (list as string).trim() === 'nothing' ? [] : (list as string).trim().split(' '),
    ]),
  );
  assert.deepEqual(drawn, MAY_IMPORT);
});

test('the top level holds what people look for, and nothing else', () => {
  const shown = readdirSync(ROOT).filter(
    (name) => !name.startsWith('.') && !['node_modules', 'dist', 'coverage'].includes(name),
  );
  assert.deepEqual(
    shown.filter((name) => !TOP_LEVEL.includes(name)),
    [],
  );
});

test('every requirement is cited by a test, and every citation has a requirement', () => {
  const cited = new Set(
    TESTS.flatMap((path) =>
      [...read(path).matchAll(/verifies\(\s*'([^']+)'/g)].map((match) => match[1] as string),
    ),
  );
  const known = Object.keys(REQUIREMENTS);
  assert.deepEqual(
    known.filter((id) => !cited.has(id)),
    [],
    'requirements without a test',
  );
  assert.deepEqual(
    [...cited].filter((id) => !known.includes(id)),
    [],
    'citations without a requirement',
  );
});

test('the lock file names no host', () => {
  assert.equal(/"resolved":/.test(read('package-lock.json')), false);
});

test('npm ci accepts the lock file: every dependency of every package has an entry', () => {
  interface Entry {
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly optionalDependencies?: Readonly<Record<string, string>>;
  }
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Readonly<Record<string, Entry>>;
  };
  /** Looks where Node does: beside the package, then in each folder above it. */
  const isLocked = (path: string, name: string): boolean => {
    const folders = path === '' ? [] : path.split('/node_modules/');
    return [...folders.keys(), folders.length].some((depth) => {
      const above = folders.slice(0, depth).join('/node_modules/');
      return `${above === '' ? '' : `${above}/`}node_modules/${name}` in packages;
    });
  };
  const missing = Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })
      .filter((name) => !isLocked(path, name))
      .map((name) => `${path} → ${name}`),
  );
  assert.deepEqual(missing, [], 'a registry that lacks a platform package makes npm leave it out');
});
