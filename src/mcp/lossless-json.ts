/**
 * JSON that is changed in one place and says what it said everywhere else: numbers keep the digits they came with, also those
 * which a double cannot hold. Source: ECMAScript proposal "JSON.parse source text access", which Node's engine has.
 */

interface RawJson {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
}

/** TypeScript's library does not know these two yet. */
const { parse, rawJSON } = JSON as unknown as RawJson;

/** The value of a JSON text whose numbers are opaque; `JSON.stringify` gives each back digit by digit. Throws SyntaxError for what is not JSON. */
export function readLossless(text: string): unknown {
  return parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined ? rawJSON(source) : value,
  );
}
