/** Reads the text format of data-driven tests: a command, lines of input, `----`, the expected output, an empty line. */
import assert from 'node:assert/strict';

export interface Case {
  /** The line of the command, counted from 1. */
  readonly line: number;
  readonly command: string;
  readonly args: readonly Arg[];
  readonly input: string;
  readonly expected: string;
  /** Comments and empty lines before the command, as they are, for who writes the file anew. */
  readonly preamble: string;
  /** The command as written. */
  readonly directive: string;
}

/** `key`, `key=value` or `key=(value, value)`. */
export interface Arg {
  readonly key: string;
  readonly values: readonly string[];
}

const SEPARATOR = '----';

/** The cases of a file, in order. */
export function parseCases(text: string): Case[] {
  const lines = text.split('\n');
  const cases: Case[] = [];
  let at = 0;
  while (at < lines.length) {
    const start = at;
    while (at < lines.length && /^\s*(#|$)/.test(lines[at] as string)) at += 1;
    if (at >= lines.length) break;
    const preamble = lines.slice(start, at).join('\n');
    const line = at + 1;
    let directive = lines[at++] as string;
    while (directive.endsWith('\\')) directive = directive.slice(0, -1) + (lines[at++] as string);
    const inputAt = at;
    while (lines[at] !== SEPARATOR) {
      at += 1;
      assert.ok(at < lines.length, `the case at line ${line} has no ${SEPARATOR}`);
    }
    const input = lines.slice(inputAt, at).join('\n');
    const output = readExpected(lines, at + 1);
    at = output.next;
    const [command, ...rest] = words(directive);
    const args = rest.map(readArg);
    const { expected } = output;
    cases.push({ line, command: command as string, args, input, expected, preamble, directive });
  }
  return cases;
}

/** A case as the format has it, with `output` as what is expected. */
export function formatCase({ preamble, directive, input }: Case, output: string): string {
  const before = preamble === '' ? [] : [preamble.trim()];
  const given = input === '' ? [directive] : [directive, input];
  return [...before, ...given, SEPARATOR, output, ''].join('\n');
}

/** Up to an empty line; output with empty lines in it stands between doubled separators. */
function readExpected(lines: readonly string[], from: number): { expected: string; next: number } {
  const doubled = lines[from] === SEPARATOR;
  const first = doubled ? from + 1 : from;
  let at = first;
  const ends = (): boolean =>
    doubled ? lines[at] === SEPARATOR && lines[at + 1] === SEPARATOR : lines[at] === '';
  while (at < lines.length && !ends()) at += 1;
  return { expected: lines.slice(first, at).join('\n'), next: doubled ? at + 2 : at };
}

/** Words by spaces, except within parentheses. */
function words(directive: string): string[] {
  return directive.match(/(?:\([^)]*\)|[^\s(])+/g) ?? [];
}

function readArg(word: string): Arg {
  const equals = word.indexOf('=');
  if (equals < 0) return { key: word, values: [] };
  const value = word.slice(equals + 1);
  const key = word.slice(0, equals);
  if (!value.startsWith('(')) return { key, values: [value] };
  const inner = value.slice(1, -1).trim();
  return { key, values: inner === '' ? [] : inner.split(/\s*,\s*|\s+/) };
}

/** The only value of `key`, if it is given. */
export function valueOf(args: readonly Arg[], key: string): string | undefined {
  return args.find((arg) => arg.key === key)?.values[0];
}
