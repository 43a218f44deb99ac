/**
 * The root file system of the image, made without Docker: Node, the libraries it is linked with, the bundle, its compiled code,
 * and the few files a C library looks for. `deploy/Dockerfile` copies it into an empty image; a test runs the program from it under chroot.
 *
 *     npm run build && node bin/run.mjs deploy/rootfs.ts FOLDER
 */
import { execFile } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { fillCompileCache, PROGRAM } from './image.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');

const NODE = '/usr/local/bin/node';

const FILES: Readonly<Record<string, string>> = {
  '/etc/passwd':
    'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n',
  '/etc/group': 'root:x:0:\nnonroot:x:65532:\n',
  // Names in /etc/hosts, which the container runtime writes, come before DNS.
  '/etc/nsswitch.conf': 'hosts: files dns\n',
};

/** Fills `folder` with the bundle in `dist` and the Node that runs this. Linux only; `ldd` must be there. */
export async function makeRootFs(folder: string, dist: string = join(root, 'dist')): Promise<void> {
  const put = async (source: string, target: string): Promise<void> => {
    const path = join(folder, target);
    await mkdir(dirname(path), { recursive: true });
    await copyFile(source, path);
  };
  await put(process.execPath, NODE);
  const libraries = await librariesOf(process.execPath);
  for (const library of libraries) await put(library, library);
  await put(join(root, 'LICENSE'), '/licenses/LICENSE');
  await cp(dist, join(folder, PROGRAM), { recursive: true });
  await fillCompileCache(join(folder, PROGRAM));
  const systemPackages = await packageRecords(libraries);
  for (const [path, text] of Object.entries({ ...FILES, ...systemPackages })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const temporary = join(folder, 'tmp');
  await mkdir(temporary, { recursive: true });
  await chmod(temporary, 0o1777);
}

/** Absolute paths of the shared libraries and of the loader. */
async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await run('ldd', [program]);
  const paths = [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(/gm)].map(([, path]) => path as string);
  const missing = /^\s*(\S+) => not found/m.exec(stdout)?.[1];
  if (missing !== undefined || paths.length === 0)
    throw new Error(`${program} cannot run here: ${missing ?? 'its libraries'} not found`);
  return paths;
}

/**
 * What Debian says of the packages these libraries come from, where scanners look for it in images without a package manager;
 * nothing on a system without dpkg.
 */
async function packageRecords(libraries: readonly string[]): Promise<Record<string, string>> {
  const query = (...args: string[]): Promise<string> =>
    run('dpkg-query', args).then(({ stdout }) => stdout);
  try {
    // By file name, because a file may be known by the path it had before /lib became a link.
    const patterns = libraries.map((path) => `*/${path.slice(path.lastIndexOf('/') + 1)}`);
    const owners = await query('-S', ...patterns);
    const names = [...new Set(owners.match(/^[^:,\s]+/gm))].sort();
    const release = await readFile('/etc/os-release', 'utf8');
    const records = names.map(
      async (name) => [`/var/lib/dpkg/status.d/${name}`, await query('-s', name)] as const,
    );
    return { '/etc/os-release': release, ...Object.fromEntries(await Promise.all(records)) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    console.error('say where: deploy/rootfs.ts FOLDER');
    process.exit(2);
  }
  await makeRootFs(folder);
}
