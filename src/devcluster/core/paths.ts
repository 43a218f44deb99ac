/** Mount paths without a mount namespace: they are replaced by the pod's own folders wherever a container names them. */

/** Where a mount path of the container really is. */
export interface PathRule {
  readonly mountPath: string;
  readonly folder: string;
}

const escapeForPattern = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * A function that replaces mount paths in a text: the longest one first, and only where a path begins (start of the
 * text, after `=`, `:`, a comma, a blank, a quote or `file://`) and ends (end of the text, `/` or no path character),
 * so that `/data` touches neither `/database`, `/srv/data` nor `http://host/data`.
 */
export function pathRewriter(rules: readonly PathRule[]): (text: string) => string {
  const clean = rules
    .map((rule) => ({ ...rule, mountPath: rule.mountPath.replace(/\/+$/, '') }))
    .filter((rule) => rule.mountPath !== '')
    .sort((a, b) => b.mountPath.length - a.mountPath.length);
  if (clean.length === 0) return (text) => text;
  const folders = new Map(clean.map((rule) => [rule.mountPath, rule.folder]));
  const alternatives = clean.map((rule) => escapeForPattern(rule.mountPath)).join('|');
  const pattern = new RegExp(
    `(?<=^|[=:,;\\s"'([{]|file://)(${alternatives})(?=$|/|[^\\w.~-])`,
    'g',
  );
  return (text) => text.replace(pattern, (path) => folders.get(path) ?? path);
}
