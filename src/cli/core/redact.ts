/**
 * What leaves the cluster in a report: enough to see what is wrong, and nothing that lets a reader in. Whatever may hold a
 * secret goes by where it stands, not by how it looks; free text is cleaned of what looks like one besides.
 */

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

const REDACTED = '[redacted]';

/** Annotations that we, Kubernetes and the operator write; others may hold anything, as last-applied-configuration does. */
const KNOWN_ANNOTATION =
  /^(mcpcluster\.io\/|deployment\.kubernetes\.io\/revision$|kubectl\.kubernetes\.io\/(restartedAt|default-container)$|helm\.sh\/)/;

/** Any object of the API, fit to be shown to strangers. Secrets lose their data, containers their values and arguments. */
export function redactObject(object: object): object {
  const { data, stringData: _written, ...rest } = JSON.parse(JSON.stringify(object)) as JsonObject;
  if (rest['kind'] !== 'Secret') return cleaned({ ...rest, ...(data && { data }) }, []) as object;
  const keys = Object.entries((data ?? {}) as JsonObject).map(([key, value]) => {
    // Three bytes are four characters of base64.
    const bytes = Math.floor((String(value).replace(/=+$/, '').length * 3) / 4);
    return [key, `${REDACTED}: ${bytes} bytes`];
  });
  return { ...(cleaned(rest, []) as object), data: Object.fromEntries(keys) as object };
}

function annotationsOf(annotations: JsonObject): JsonObject {
  const kept = Object.entries(annotations).map(([key, value]) => [
    key,
    KNOWN_ANNOTATION.test(key) ? value : REDACTED,
  ]);
  return Object.fromEntries(kept) as JsonObject;
}

/** Fields whose values are a server's own business, wherever a container is described. */
const CONTAINER_LISTS = new Set(['args', 'command']);

function cleaned(value: Json, path: readonly string[]): Json {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) {
    return value.map((item: Json) => {
      const isVariable = path.at(-1) === 'env' && isObject(item) && item['value'] !== undefined;
      const shown = isVariable ? { ...item, value: REDACTED } : item;
      return cleaned(shown, path);
    });
  }
  if (!isObject(value)) return value;
  const isOurs = value['name'] === 'sidecar';
  const { managedFields: _book, ...shown } = value;
  const fields = Object.entries(shown).map(([key, field]) => {
    if (key === 'annotations' && isObject(field)) return [key, annotationsOf(field)];
    if (CONTAINER_LISTS.has(key) && Array.isArray(field) && !isOurs) {
      return [key, field.map(() => REDACTED)];
    }
    if (SECRET_KEY.test(key) && typeof field === 'string') return [key, REDACTED];
    // The last words of a server that ended.
    if (key === 'message' && path.includes('containerStatuses')) return [key, REDACTED];
    return [key, cleaned(field, [...path, key])];
  });
  return Object.fromEntries(fields) as JsonObject;
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Fields whose text is never shown. */
const SECRET_KEY = /^(authorization|cookie|credentials?|passw(or)?d|private_?key|secret|tokens?)$/i;
/** Fields of log lines that may tell who somebody is or what they asked. */
const PERSONAL_KEY =
  /^(arguments|body|claims?|email|event|headers?|key|params|principal|query|subject|tenant|uri|url|user(name)?)$/i;

/** Credentials as they look in any text. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, `$1 ${REDACTED}`],
  // JSON Web Tokens.
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, REDACTED],
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^/\s:@]+(:[^/\s@]*)?@/gi, `$1${REDACTED}@`],
  [
    /\b((?:api|access|secret|private)?[_-]?(?:key|token|secret|passwd|password|pwd|credential)s?)(["']?\s*[:=]\s*["']?)[^\s"'&,;]+/gi,
    `$1$2${REDACTED}`,
  ],
  [/[\w.+-]+@[\w-]+\.[\w.-]+/g, REDACTED],
  // What the operator quotes of a server's log.
  [/(last log line: ).*?(?= \| |$)/gm, `$1${REDACTED}`],
];

/** Free text without what looks like a credential or an address of e-mail. */
export function redactText(text: string): string {
  return PATTERNS.reduce((rest, [pattern, by]) => rest.replace(pattern, by), text);
}

/** As much of a session's id as a sidecar itself writes. */
const SESSION_CHARACTERS = 8;

/** The log of one of our own programs: one JSON object a line; other lines are what it said when it died. */
export function redactLog(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      const fields = parsed(line);
      return fields === undefined ? redactText(line) : JSON.stringify(redactFields(fields));
    })
    .join('\n');
}

function redactFields(fields: JsonObject): Json {
  const shown = Object.entries(fields).map(([key, value]) =>
    /^session(id)?$/i.test(key)
      ? [key, String(value).slice(0, SESSION_CHARACTERS)]
      : [key, PERSONAL_KEY.test(key) ? REDACTED : value],
  );
  return cleaned(Object.fromEntries(shown) as JsonObject, []);
}

function parsed(line: string): JsonObject | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as JsonObject;
  } catch {
    return undefined;
  }
}
