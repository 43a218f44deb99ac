/** The text of a token file: who each token belongs to. Errors name a line and never quote it. */
import { err, ok, type Result } from '../../std/index.ts';
import { isBearerToken } from './bearer.ts';

export interface TokenLine {
  readonly token: string;
  readonly tenant: string;
  readonly groups: readonly string[];
  /** Tokens of one tenant with the same name are the same principal: so a token is renewed without losing sessions. */
  readonly name: string | undefined;
}

/** Shorter ones can be guessed. */
const TOKEN_LENGTH_MIN = 16;
const TOKENS_MAX = 10_000;
const FIELD_LENGTH_MAX = 253;

/**
 * Reads `token tenant [group,group [name]]` a line; `-` for no groups. Blank lines and lines that begin with `#` count for
 * nothing. The error is a sentence with the line's number.
 */
export function parseTokenLines(text: string): Result<readonly TokenLine[], string> {
  const tokens = new Map<string, TokenLine>();
  for (const [index, line] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const parsed = parseLine(trimmed.split(/\s+/));
    const problem = typeof parsed === 'string' ? parsed : duplicateOf(tokens, parsed);
    if (problem !== undefined) return err(`line ${index + 1}: ${problem}`);
    if (typeof parsed !== 'string') tokens.set(parsed.token, parsed);
  }
  return ok([...tokens.values()]);
}

function parseLine(fields: readonly string[]): TokenLine | string {
  const [token = '', tenant, groups = '-', name, ...rest] = fields;
  if (token.length < TOKEN_LENGTH_MIN)
    return `the token is shorter than ${TOKEN_LENGTH_MIN} characters`;
  if (!isBearerToken(token)) return 'the token has characters that a bearer token cannot have';
  if (tenant === undefined) return 'the tenant is missing';
  if (rest.length > 0) return 'more than token, tenant, groups and name';
  if ([tenant, groups, name ?? ''].some((field) => field.length > FIELD_LENGTH_MAX))
    return `a field is longer than ${FIELD_LENGTH_MAX} characters`;
  const listed = groups === '-' ? [] : groups.split(',').filter((group) => group !== '');
  return { token, tenant, groups: listed, name };
}

function duplicateOf(tokens: ReadonlyMap<string, TokenLine>, line: TokenLine): string | undefined {
  if (tokens.has(line.token)) return 'the same token stands in an earlier line';
  return tokens.size >= TOKENS_MAX ? `more than ${TOKENS_MAX} tokens` : undefined;
}
