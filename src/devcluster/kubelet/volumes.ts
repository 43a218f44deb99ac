/** A pod's volumes as folders; ConfigMaps and Secrets are replaced in one step, as the kubelet's atomic writer does. */
import {
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
import { err, ok, type Result } from '../../std/index.ts';
import {
  podField,
  type ConfigMapSource,
  type DownwardItem,
  type KeyToPath,
  type PersistentVolumeClaim,
  type Pod,
  type PodFacts,
  type SecretSource,
  type Volume,
} from '../core/index.ts';
import type { ReferencedObjects } from './ports.ts';

/** File contents by relative path. */
type Files = Map<string, Buffer>;

interface VolumeContext {
  readonly pod: Pod;
  readonly facts: PodFacts;
  readonly objects: ReferencedObjects;
  /** Parent of the folders of this pod's volumes. */
  readonly folder: string;
  /** Parent of the kept folders, one a claim. */
  readonly claimsFolder: string;
}

/** Kept folder of a claim: it outlives pods and goes with the claim; a later claim of the same name has another one. */
export function claimFolder(claimsFolder: string, claim: PersistentVolumeClaim): string {
  const { namespace, name, uid } = claim.metadata;
  return join(claimsFolder, namespace as string, name as string, uid as string);
}

/**
 * The folder of a volume, filled. A sentence when something it needs is missing (the kubelet then waits and tries again).
 * Calling it again refreshes files whose source changed.
 */
export async function mountVolume(
  volume: Volume,
  context: VolumeContext,
): Promise<Result<string, string>> {
  const namespace = context.pod.metadata.namespace as string;
  const claimName = volume.persistentVolumeClaim?.claimName;
  if (claimName !== undefined) {
    const claim = context.objects.claim(`${namespace}/${claimName}`);
    if (claim === undefined) return err(`persistentvolumeclaim "${claimName}" not found`);
    if (claim.status?.phase !== 'Bound')
      return err(`persistentvolumeclaim "${claimName}" is not bound`);
    const folder = claimFolder(context.claimsFolder, claim);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return ok(folder);
  }
  if (volume.hostPath !== undefined) return ok(volume.hostPath.path);
  const folder = join(context.folder, volume.name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files = filesOf(volume, context);
  if (files === undefined) return ok(folder);
  if (!files.ok) return files;
  await replaceFiles(folder, files.value);
  return ok(folder);
}

/** True when the volume's files come from API objects, so that a change of those must reach it. */
export function isRefreshed(volume: Volume): boolean {
  const { configMap, secret, projected, downwardAPI } = volume;
  return [configMap, secret, projected, downwardAPI].some((source) => source !== undefined);
}

/** The files of a volume that has a source; undefined for an empty folder. */
function filesOf(volume: Volume, context: VolumeContext): Result<Files, string> | undefined {
  const files: Files = new Map();
  const problems: string[] = [];
  const add = (result: Result<Files, string>): void => {
    if (result.ok) for (const [path, content] of result.value) files.set(path, content);
    else problems.push(result.error);
  };
  const sources = [
    ...(volume.projected?.sources ?? []),
    ...(volume.configMap === undefined ? [] : [{ configMap: volume.configMap }]),
    ...(volume.secret === undefined ? [] : [{ secret: volume.secret }]),
    ...(volume.downwardAPI === undefined ? [] : [{ downwardAPI: volume.downwardAPI }]),
  ];
  if (sources.length === 0 && volume.projected === undefined) return undefined;
  for (const { configMap, secret, downwardAPI } of sources) {
    if (configMap !== undefined) add(configMapFiles(configMap, context));
    if (secret !== undefined) add(secretFiles(secret, context));
    if (downwardAPI !== undefined) add(downwardFiles(downwardAPI.items ?? [], context));
  }
  return problems.length > 0 ? err(problems.join('; ')) : ok(files);
}

function configMapFiles(source: ConfigMapSource, context: VolumeContext): Result<Files, string> {
  const object = context.objects.configMap(`${context.pod.metadata.namespace}/${source.name}`);
  if (object === undefined)
    return source.optional === true ? ok(new Map()) : err(`configmap "${source.name}" not found`);
  const all: Files = new Map([
    ...Object.entries(object.data ?? {}).map(([key, text]) => [key, Buffer.from(text)] as const),
    ...Object.entries(object.binaryData ?? {}).map(
      ([key, text]) => [key, Buffer.from(text, 'base64')] as const,
    ),
  ]);
  return selectItems(all, source.items, `configmap "${source.name}"`, source.optional);
}

function secretFiles(source: SecretSource, context: VolumeContext): Result<Files, string> {
  const name = source.secretName ?? source.name ?? '';
  const object = context.objects.secret(`${context.pod.metadata.namespace}/${name}`);
  if (object === undefined)
    return source.optional === true ? ok(new Map()) : err(`secret "${name}" not found`);
  const all: Files = new Map(
    Object.entries(object.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')]),
  );
  return selectItems(all, source.items, `secret "${name}"`, source.optional);
}

function selectItems(
  all: Files,
  items: readonly KeyToPath[] | undefined,
  what: string,
  optional = false,
): Result<Files, string> {
  if (items === undefined) return ok(all);
  const chosen: Files = new Map();
  for (const { key, path } of items) {
    const content = all.get(key);
    if (content === undefined && !optional) return err(`${what} has no key "${key}"`);
    if (content !== undefined) chosen.set(path, content);
  }
  return ok(chosen);
}

function downwardFiles(
  items: readonly DownwardItem[],
  context: VolumeContext,
): Result<Files, string> {
  const files: Files = new Map();
  for (const { path, fieldRef } of items) {
    const value =
      fieldRef === undefined ? undefined : podField(context.pod, fieldRef.fieldPath, context.facts);
    if (value === undefined) return err(`unsupported downward API item ${path}`);
    files.set(path, Buffer.from(value));
  }
  return ok(files);
}

/** Name of the link that is switched; files of the volume are links through it. */
const DATA_LINK = '..data';

async function replaceFiles(folder: string, files: Files): Promise<void> {
  const before = await readlink(join(folder, DATA_LINK)).catch(() => undefined);
  if (before !== undefined && (await holdsExactly(join(folder, before), files))) return;
  const fresh = await mkdtemp(join(folder, '..'.concat('version-')));
  for (const [path, content] of files) {
    const target = join(fresh, normalize(path));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { mode: 0o600 });
  }
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
  for (const [path, content] of files) {
    const current = await readFile(join(folder, path)).catch(() => undefined);
    if (current === undefined || !current.equals(content)) return false;
  }
  return true;
}
