/**
 * Heads of HTTP/1.1 messages (RFC 9112), strictly: what two programs could read in two ways is refused, because that is how
 * requests are smuggled. Everything accepted here is accepted, with the same meaning, by Node's own parser. Pure.
 */

/** How the end of a body is found. */
export type Framing =
  | { readonly type: 'none' }
  | { readonly type: 'length'; readonly length: number }
  | { readonly type: 'chunked' }
  /** Responses only: the body ends with the connection. */
  | { readonly type: 'until-close' };

/** Header fields by lower-case name; several of one name are joined as RFC 9110 §5.3 says. */
export type HeaderFields = Record<string, string>;

export interface RequestHead {
  readonly type: 'request';
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: HeaderFields;
  readonly framing: Framing;
  readonly keepAlive: boolean;
  /** False for HTTP/1.0, which has no chunks. */
  readonly chunks: boolean;
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
}

export interface ResponseHead {
  readonly type: 'response';
  readonly status: number;
  readonly headers: HeaderFields;
  readonly framing: Framing;
  readonly keepAlive: boolean;
}

/** Why a head is not acceptable, with the status that says so. */
export interface HeadProblem {
  readonly type: 'problem';
  readonly status: 400 | 417 | 501 | 505;
  readonly why: string;
}

const NONE: Framing = { type: 'none' };
const CHUNKED: Framing = { type: 'chunked' };
const UNTIL_CLOSE: Framing = { type: 'until-close' };

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([!-~]+) HTTP\/1\.([01])$/;
/** What a client may ask of anybody; which of them are served is not decided here. */
const METHODS: ReadonlySet<string> = new Set([
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
]);
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t -~\x80-\xff]*)?$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Any character that must not be in a value; obs-text (RFC 9110 §5.5) may. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const LENGTH = /^\d{1,15}$/;

/** Said twice, each of these could mean one thing here and another behind us. */
const SINGLE: ReadonlySet<string> = new Set([
  'authorization',
  'content-length',
  'content-type',
  'expect',
  'host',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'origin',
  'transfer-encoding',
]);

/** Reads a request's head: Latin-1 text without the empty line at its end. */
export function parseRequestHead(text: string): RequestHead | HeadProblem {
  const end = text.indexOf('\r\n');
  const line = REQUEST_LINE.exec(end === -1 ? text : text.slice(0, end));
  if (line === null) {
    const version = /^\S+ \S+ HTTP\/\d\.\d(?:\r|$)/.test(text) && !/^\S+ \S+ HTTP\/1\./.test(text);
    return version ? problem('HTTP version', 505) : problem('request line');
  }
  if (!METHODS.has(line[1] as string)) return problem('method', 501);
  const headers = end === -1 ? {} : parseFields(text, end + 2, SINGLE);
  if (typeof headers === 'string') return problem(headers);
  const newer = line[3] === '1';
  const { host, expect } = headers;
  if (newer && host === undefined) return problem('no Host');
  const target = originForm(line[2] as string, line[1] as string, host);
  if (target === undefined) return problem('request target');
  const framing = requestFraming(headers, newer);
  if ('status' in framing) return framing;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue')
    return problem('Expect', 417);
  return {
    type: 'request',
    method: line[1] as string,
    target,
    headers,
    framing,
    keepAlive: keepsAlive(headers['connection'], newer),
    chunks: newer,
    expectsContinue: newer && expect !== undefined,
  };
}

/** Reads a response's head; `status` 1xx too. */
export function parseResponseHead(text: string): ResponseHead | HeadProblem {
  const end = text.indexOf('\r\n');
  const line = STATUS_LINE.exec(end === -1 ? text : text.slice(0, end));
  if (line === null) return problem('status line');
  const headers = end === -1 ? {} : parseFields(text, end + 2, RESPONSE_SINGLE);
  if (typeof headers === 'string') return problem(headers);
  const status = Number(line[2]);
  const framing = responseFraming(headers, status);
  if ('status' in framing) return framing;
  const keepAlive =
    framing.type !== 'until-close' && keepsAlive(headers['connection'], line[1] === '1');
  return { type: 'response', status, headers, framing, keepAlive };
}

const RESPONSE_SINGLE: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding']);

/** True for a name and a value that cannot break out of their line. */
export function isHeaderField(name: string, value: string): boolean {
  return NAME.test(name) && !NOT_IN_VALUE.test(value);
}

/** The fields from `at` on, or why not. */
function parseFields(text: string, at: number, single: ReadonlySet<string>): HeaderFields | string {
  const headers: HeaderFields = {};
  const { length } = text;
  for (let start = at; start < length;) {
    let end = text.indexOf('\r\n', start);
    if (end === -1) end = length;
    const colon = text.indexOf(':', start);
    if (colon === -1 || colon >= end) return 'a line without a colon';
    const written = text.slice(start, colon);
    // This also refuses a folded line and blanks before the colon.
    if (!NAME.test(written)) return 'header name';
    const value = trim(text, colon + 1, end);
    if (NOT_IN_VALUE.test(value)) return 'header value';
    const name = written.toLowerCase();
    if (name === '__proto__') return 'header name';
    const known: unknown = headers[name];
    // Every object has a `constructor`, and that is no text.
    if (typeof known !== 'string') headers[name] = value;
    else if (single.has(name)) return `${name} twice`;
    else headers[name] = `${known}${name === 'cookie' ? '; ' : ', '}${value}`;
    start = end + 2;
  }
  return headers;
}

/** The text between two places without blanks and tabs around it. */
function trim(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

/** The path and query of a target; the absolute form counts only when it names the same host as `Host`. */
function originForm(target: string, method: string, host: string | undefined): string | undefined {
  if (target.startsWith('/')) return target;
  if (target === '*') return method === 'OPTIONS' ? target : undefined;
  const absolute = /^https?:\/\/([^/?#]+)([/?][^#]*)?$/i.exec(target);
  if (absolute === null || absolute[1]?.toLowerCase() !== host?.toLowerCase()) return undefined;
  const rest = absolute[2] ?? '/';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function requestFraming(headers: HeaderFields, newer: boolean): Framing | HeadProblem {
  const length = headers['content-length'];
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) {
    if (length !== undefined) return problem('both Transfer-Encoding and Content-Length');
    if (!newer) return problem('Transfer-Encoding in HTTP/1.0');
    return coding.toLowerCase() === 'chunked' ? CHUNKED : problem('Transfer-Encoding', 501);
  }
  if (length === undefined) return NONE;
  if (!LENGTH.test(length)) return problem('Content-Length');
  return length === '0' ? NONE : { type: 'length', length: Number(length) };
}

function responseFraming(headers: HeaderFields, status: number): Framing | HeadProblem {
  if (status < 200 || status === 204 || status === 304) return NONE;
  const length = headers['content-length'];
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) {
    if (length !== undefined) return problem('both Transfer-Encoding and Content-Length');
    return coding.toLowerCase() === 'chunked' ? CHUNKED : problem('Transfer-Encoding');
  }
  if (length === undefined) return UNTIL_CLOSE;
  if (!LENGTH.test(length)) return problem('Content-Length');
  return length === '0' ? NONE : { type: 'length', length: Number(length) };
}

function keepsAlive(connection: string | undefined, newer: boolean): boolean {
  if (connection === undefined) return newer;
  if (connection === 'keep-alive') return true;
  const options = connection.toLowerCase().split(',');
  if (options.some((option) => option.trim() === 'close')) return false;
  return newer || options.some((option) => option.trim() === 'keep-alive');
}

function problem(why: string, status: HeadProblem['status'] = 400): HeadProblem {
  return { type: 'problem', status, why };
}
