/** Which versions of members may work together: at most one minor version apart. */

interface Version {
  readonly major: number;
  readonly minor: number;
}

function parseVersion(text: string): Version | undefined {
  const found = /^v?(\d+)\.(\d+)\.\d+(?:[-+].*)?$/.exec(text);
  return found === null ? undefined : { major: Number(found[1]), minor: Number(found[2]) };
}

/** True unless both are versions and more than one minor apart; what is no version is not judged. */
export function mayMeet(one: string, other: string): boolean {
  const [a, b] = [parseVersion(one), parseVersion(other)];
  if (a === undefined || b === undefined) return true;
  return a.major === b.major && Math.abs(a.minor - b.minor) <= 1;
}

/** The version that an image's tag tells; undefined for another kind of tag, or a digest. */
export function versionOfImage(image: string): string | undefined {
  const tag = /:([^:/@]+)$/.exec(image.split('@')[0] ?? '')?.[1];
  return tag === undefined || parseVersion(tag) === undefined ? undefined : tag;
}
