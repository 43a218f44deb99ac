/**
 * What a message calls must not depend on who reads it: JSON does not say which of two members of one name counts, and some
 * servers take `Name` for `name`. A gateway that judges one and a server that runs the other would let everybody in.
 */
import { isJsonObject, type ParsedBody } from '../../mcp/index.ts';

/** Members that say what is called. */
const DECISIVE = ['method', 'name', 'params', 'arguments'];

/** True when every reader finds the same method, name and arguments called `named` in each message of the body. */
export function isPlain(
  text: string,
  { messages }: ParsedBody,
  named: readonly string[] = [],
): boolean {
  const values = messages.map(({ message }) => message);
  const lookalikes = values.some((message) => {
    const params = 'params' in message ? message.params : undefined;
    if (hasLookalike(message, DECISIVE)) return true;
    if (!isJsonObject(params)) return false;
    const args = params['arguments'];
    return hasLookalike(params, DECISIVE) || (isJsonObject(args) && hasLookalike(args, named));
  });
  if (lookalikes) return false;
  // A member that the parser dropped, because a later one has its name, is in the text and not in the value.
  const names = new Set([...DECISIVE, ...named]);
  const [written, kept] = [membersIn(text, names), membersOf(values, names)];
  return [...names].every((name) => written.get(name) === kept.get(name));
}

function hasLookalike(value: object, names: readonly string[]): boolean {
  if (names.length === 0) return false;
  // Up and down again, because that is how `params` with a long s becomes `params`, as it does in Go.
  const fold = (name: string): string => name.toUpperCase().toLowerCase();
  return Object.keys(value).some(
    (key) => !names.includes(key) && names.some((name) => fold(name) === fold(key)),
  );
}

type Counts = Map<string, number>;

const count = (counts: Counts, name: string, names: ReadonlySet<string>): unknown =>
  names.has(name) && counts.set(name, (counts.get(name) ?? 0) + 1);

/** How often each of `names` stands before a colon, at any depth. The text is valid JSON. */
function membersIn(text: string, names: ReadonlySet<string>): Counts {
  const counts: Counts = new Map();
  for (let start = text.indexOf('"'); start !== -1;) {
    let end = text.indexOf('"', start + 1);
    while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
    if (end === -1) break;
    let next = end + 1;
    while (/\s/.test(text.charAt(next))) next += 1;
    const name = text.charAt(next) === ':' ? text.slice(start, end + 1) : undefined;
    if (name !== undefined) count(counts, String(JSON.parse(name)), names);
    start = text.indexOf('"', next);
  }
  return counts;
}

function isEscaped(text: string, quote: number): boolean {
  let first = quote;
  while (text.charAt(first - 1) === '\\') first -= 1;
  return (quote - first) % 2 === 1;
}

/** The same of the parsed values; a list of work and no recursion, as a body may be nested deeply. */
function membersOf(values: readonly unknown[], names: ReadonlySet<string>): Counts {
  const counts: Counts = new Map();
  const left: unknown[] = [...values];
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    if (!Array.isArray(value)) for (const key of Object.keys(value)) count(counts, key, names);
    for (const member of Object.values(value)) if (member !== undefined) left.push(member);
  }
  return counts;
}
