/** Replaces the files of a volume in one step, as the kubelet's atomic writer does: a reader sees all old or all new. */
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';

export interface VolumeFile {
  readonly content: Buffer;
  /** Permission bits. */
  readonly mode: number;
}

/** Files by relative path. */
export type Files = Map<string, VolumeFile>;

/** Name of the link that is switched; files of the volume are links through it. */
const DATA_LINK = '..data';

/** Makes the folder hold exactly these files. One caller at a time. */
export async function replaceFiles(folder: string, files: Files): Promise<void> {
  const before = await readlink(join(folder, DATA_LINK)).catch(() => undefined);
  if (before !== undefined && (await holdsExactly(join(folder, before), files))) return;
  const fresh = await mkdtemp(join(folder, '..'.concat('version-')));
  for (const [path, { content, mode }] of files) {
    const target = join(fresh, normalize(path));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { mode: 0o600 });
    // Not by the call above, whose mode the process's mask would change.
    await chmod(target, mode);
  }
  await rm(join(folder, '..data_tmp'), { force: true });
  await symlink(fresh.slice(folder.length + 1), join(folder, '..data_tmp'));
  await rename(join(folder, '..data_tmp'), join(folder, DATA_LINK));
  await linkVisibleNames(folder, files);
  if (before !== undefined) await rm(join(folder, before), { recursive: true, force: true });
}

/** Links for new first path segments, none for vanished ones. */
async function linkVisibleNames(folder: string, files: Files): Promise<void> {
  const wanted = new Set([...files.keys()].map((path) => normalize(path).split('/')[0] as string));
  for (const name of await readdir(folder)) {
    if (name.startsWith('..')) continue;
    if (!wanted.delete(name)) await rm(join(folder, name), { force: true });
  }
  for (const name of wanted) await symlink(join(DATA_LINK, name), join(folder, name));
}

async function holdsExactly(folder: string, files: Files): Promise<boolean> {
  const present = await readdir(folder, { recursive: true, withFileTypes: true });
  if (present.filter((entry) => entry.isFile()).length !== files.size) return false;
  for (const [path, { content }] of files) {
    const current = await readFile(join(folder, path)).catch(() => undefined);
    if (current === undefined || !current.equals(content)) return false;
  }
  return true;
}
