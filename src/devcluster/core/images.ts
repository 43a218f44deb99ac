/** From a container image's name to the local command that stands for it. */

/** One row of the table of local images, with the meaning of an image's own configuration. */
export interface LocalImage {
  /** Repository with an optional tag; without a tag the row serves every tag. */
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly workingDir?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ImageName {
  readonly repository: string;
  readonly tag: string;
}

/** The full name: registry, repository and tag, with the defaults of container tools; a digest is ignored. */
export function parseImageName(text: string): ImageName {
  const name = text.split('@', 1)[0] as string;
  const slash = name.lastIndexOf('/');
  const colon = name.indexOf(':', slash + 1);
  const path = colon < 0 ? name : name.slice(0, colon);
  const tag = colon < 0 ? 'latest' : name.slice(colon + 1);
  const first = path.split('/', 1)[0] as string;
  const hasRegistry = path.includes('/') && (/[.:]/.test(first) || first === 'localhost');
  if (hasRegistry) return { repository: path, tag };
  return { repository: `docker.io/${path.includes('/') ? path : `library/${path}`}`, tag };
}

/** The row for `image`; a row with the same tag wins over one without a tag. */
export function findLocalImage(
  images: readonly LocalImage[],
  image: string,
): LocalImage | undefined {
  const wanted = parseImageName(image);
  const rows = images.filter((row) => parseImageName(row.image).repository === wanted.repository);
  const isTagged = (row: LocalImage): boolean =>
    row.image.lastIndexOf(':') > row.image.lastIndexOf('/');
  return (
    rows.find((row) => isTagged(row) && parseImageName(row.image).tag === wanted.tag) ??
    rows.find((row) => !isTagged(row))
  );
}

/**
 * Entrypoint and arguments by the rules of Kubernetes: the container's `command` replaces the entrypoint and the image's
 * arguments, the container's `args` replace the image's arguments. Empty when there is nothing to run.
 */
export function commandLine(
  image: Pick<LocalImage, 'entrypoint' | 'cmd'>,
  container: { readonly command?: readonly string[]; readonly args?: readonly string[] },
): string[] {
  const { command = [], args = [] } = container;
  if (command.length > 0) return [...command, ...args];
  return [...(image.entrypoint ?? []), ...(args.length > 0 ? args : (image.cmd ?? []))];
}
