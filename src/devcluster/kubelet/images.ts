/** The table of local images on disk, with its placeholders filled in. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { load } from 'js-yaml';
import { UsageError } from '../../host/index.ts';
import { err, ok, type Result } from '../../std/index.ts';
import { findLocalImage, type LocalImage } from '../core/index.ts';

export interface ImageTable {
  /** The row for an image with its placeholders filled in, or a sentence that says what to do. */
  resolve(image: string): Promise<Result<LocalImage, string>>;
}

export interface ImageTableOptions {
  /** Path of the YAML file. */
  readonly file: string;
  /** Stands for `${node}`: the project's Node. */
  readonly node: string;
  /** Stands for `${program}`: this program's entry file. */
  readonly program: string;
  /** Where `${package:NAME}` looks for node_modules, upwards from here. */
  readonly packagesFrom: string;
  /** Further rows that win over the file's, e.g. of tests. */
  readonly extra?: readonly LocalImage[];
}

/** The file is read at each look-up, so that an edit helps a pod that waits for its image. */
export function createImageTable(options: ImageTableOptions): ImageTable {
  return {
    async resolve(image) {
      const rows = [...(options.extra ?? []), ...(await readImageFile(options.file))];
      const row = findLocalImage(rows, image);
      if (row === undefined)
        return err(
          `no local command stands for image "${image}": add a row for it to ${options.file}`,
        );
      try {
        return ok(fillIn(row, options));
      } catch (error) {
        return err(`image "${image}" in ${options.file}: ${(error as Error).message}`);
      }
    },
  };
}

/** The rows of the file; a `UsageError` when it cannot be read or is not such a table. */
export async function readImageFile(file: string): Promise<LocalImage[]> {
  let document: unknown;
  try {
    document = load(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(
      `cannot read the table of local images ${file}: ${(error as Error).message}`,
    );
  }
  const images = (document as { images?: unknown } | null)?.images;
  if (!Array.isArray(images) || !images.every(isRow))
    throw new UsageError(
      `${file}: expected "images:" with a list of {image, entrypoint, cmd, workingDir, env}`,
    );
  return images;
}

function isRow(row: unknown): row is LocalImage {
  if (typeof row !== 'object' || row === null) return false;
  const { image, entrypoint = [], cmd = [], workingDir = '' } = row as Record<string, unknown>;
  const isList = (value: unknown): boolean =>
    Array.isArray(value) && value.every((one) => typeof one === 'string');
  return (
    typeof image === 'string' && isList(entrypoint) && isList(cmd) && typeof workingDir === 'string'
  );
}

function fillIn(row: LocalImage, options: ImageTableOptions): LocalImage {
  const fill = (text: string): string =>
    text.replace(
      /\$\{(node|program|package:([^}]+))\}/g,
      (_, name: string, packageName?: string) =>
        packageName === undefined
          ? options[name as 'node' | 'program']
          : packageFolder(packageName, options.packagesFrom),
    );
  return {
    image: row.image,
    ...(row.entrypoint === undefined ? {} : { entrypoint: row.entrypoint.map(fill) }),
    ...(row.cmd === undefined ? {} : { cmd: row.cmd.map(fill) }),
    ...(row.workingDir === undefined ? {} : { workingDir: fill(row.workingDir) }),
    ...(row.env === undefined
      ? {}
      : {
          env: Object.fromEntries(
            Object.entries(row.env).map(([key, value]) => [key, fill(value)]),
          ),
        }),
  };
}

/** Folder of an installed package, by the look-up rule of node_modules. */
function packageFolder(name: string, from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (dirname(folder) === folder) throw new Error(`package ${name} is not installed: run npm ci`);
  }
}
