/** Durable file operations: what returns from here survives a power loss. */
import { access, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Flushes a directory, so that a file created or renamed in it is found again after a crash. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces `path` by `content` in one step: after a crash the file holds the old or the new, never a mix. */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  const temporary = `${path}.tmp`;
  const handle = await open(temporary, 'w', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** The content of a text file, or undefined when there is none. */
export async function readFileIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Creates a directory and those above it, like `mkdir -p`; one that exists is fine. Node's own recursive mkdir never
 * returns where the file system answers ENOENT to a mkdir, as /proc does.
 */
export async function makeDirectory(path: string, mode = 0o700): Promise<void> {
  const parent = dirname(path);
  const exists = await access(parent).then(
    () => true,
    () => false,
  );
  if (!exists && parent !== path) await makeDirectory(parent, mode);
  await mkdir(path, { mode }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}
