/** What a volume that is made of API objects holds: ConfigMaps, Secrets, fields of the pod, tokens, and these together. */
import { err, ok, type Result } from '../../std/index.ts';
import {
  podField,
  type ConfigMapSource,
  type DownwardItem,
  type KeyToPath,
  type Pod,
  type PodFacts,
  type ProjectedSource,
  type SecretSource,
  type Volume,
} from '../core/index.ts';
import type { Files } from './atomic-writer.ts';
import type { ReferencedObjects, TokenWish } from './ports.ts';

export interface VolumeSources {
  readonly pod: Pod;
  readonly facts: PodFacts;
  readonly objects: ReferencedObjects;
  /** A token that is good now; an error when the API gives none. */
  token(wish: TokenWish): Promise<Result<string, string>>;
}

/** A path, its content, and the mode when it has one of its own. */
type Contents = Map<string, { readonly content: Buffer; readonly mode?: number }>;

const DEFAULT_MODE = 0o644;
/** All containers run as one user here, and the kubelet shows a token to no other then. */
const TOKEN_MODE = 0o600;

/** True when the volume's files come from API objects, so that a change of those must reach it. */
export function isRefreshed(volume: Volume): boolean {
  const { configMap, secret, projected, downwardAPI } = volume;
  return [configMap, secret, projected, downwardAPI].some((source) => source !== undefined);
}

/** The files of a volume that has a source; a sentence that says what is missing. */
export async function volumeFiles(
  volume: Volume,
  context: VolumeSources,
): Promise<Result<Files, string>> {
  const { configMap, secret, projected, downwardAPI } = volume;
  const sources: readonly ProjectedSource[] = [
    ...(projected?.sources ?? []),
    ...(configMap === undefined ? [] : [{ configMap }]),
    ...(secret === undefined ? [] : [{ secret }]),
    ...(downwardAPI === undefined ? [] : [{ downwardAPI }]),
  ];
  const files: Files = new Map();
  const problems: string[] = [];
  const defaultMode =
    (projected ?? configMap ?? secret ?? downwardAPI)?.defaultMode ?? DEFAULT_MODE;
  for (const source of sources) {
    const contents = await contentsOf(source, context);
    if (!contents.ok) problems.push(contents.error);
    else
      for (const [path, { content, mode = defaultMode }] of contents.value)
        files.set(path, { content, mode });
  }
  return problems.length > 0 ? err(problems.join('; ')) : ok(files);
}

async function contentsOf(
  source: ProjectedSource,
  context: VolumeSources,
): Promise<Result<Contents, string>> {
  if (source.configMap !== undefined) return configMapFiles(source.configMap, context);
  if (source.secret !== undefined) return secretFiles(source.secret, context);
  if (source.downwardAPI !== undefined)
    return downwardFiles(source.downwardAPI.items ?? [], context);
  if (source.serviceAccountToken === undefined) return err('a projected source of an unknown kind');
  const { path, audience = '', expirationSeconds = 3600 } = source.serviceAccountToken;
  const token = await context.token({ audience, expirationSeconds });
  if (!token.ok) return token;
  return ok(new Map([[path, { content: Buffer.from(token.value), mode: TOKEN_MODE }]]));
}

function configMapFiles(source: ConfigMapSource, context: VolumeSources): Result<Contents, string> {
  const object = context.objects.configMap(`${context.pod.metadata.namespace}/${source.name}`);
  if (object === undefined)
    return source.optional === true ? ok(new Map()) : err(`configmap "${source.name}" not found`);
  const all: Contents = new Map([
    ...Object.entries(object.data ?? {}).map(
      ([key, text]) => [key, { content: Buffer.from(text) }] as const,
    ),
    ...base64Contents(object.binaryData),
  ]);
  return selectItems(all, source.items, `configmap "${source.name}"`, source.optional);
}

function secretFiles(source: SecretSource, context: VolumeSources): Result<Contents, string> {
  const name = source.secretName ?? source.name ?? '';
  const object = context.objects.secret(`${context.pod.metadata.namespace}/${name}`);
  if (object === undefined)
    return source.optional === true ? ok(new Map()) : err(`secret "${name}" not found`);
  const all: Contents = new Map(base64Contents(object.data));
  return selectItems(all, source.items, `secret "${name}"`, source.optional);
}

const base64Contents = (data: Readonly<Record<string, string>> = {}) =>
  Object.entries(data).map(
    ([key, text]) => [key, { content: Buffer.from(text, 'base64') }] as const,
  );

function selectItems(
  all: Contents,
  items: readonly KeyToPath[] | undefined,
  what: string,
  optional = false,
): Result<Contents, string> {
  if (items === undefined) return ok(all);
  const chosen: Contents = new Map();
  for (const { key, path, mode } of items) {
    const found = all.get(key);
    if (found === undefined && !optional) return err(`${what} has no key "${key}"`);
    if (found !== undefined) chosen.set(path, mode === undefined ? found : { ...found, mode });
  }
  return ok(chosen);
}

function downwardFiles(
  items: readonly DownwardItem[],
  context: VolumeSources,
): Result<Contents, string> {
  const files: Contents = new Map();
  for (const { path, fieldRef, mode } of items) {
    const value =
      fieldRef === undefined ? undefined : podField(context.pod, fieldRef.fieldPath, context.facts);
    if (value === undefined) return err(`unsupported downward API item ${path}`);
    files.set(path, { content: Buffer.from(value), ...(mode !== undefined && { mode }) });
  }
  return ok(files);
}
