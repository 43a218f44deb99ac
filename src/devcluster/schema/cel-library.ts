/** The CEL functions that Kubernetes adds to the language: quantities, lists, strings, regular expressions, URLs. */
import { isIP } from 'node:net';
import type { Environment } from '@marcbachmann/cel-js';
import { formatQuantity, parseExactQuantity, type ExactQuantity } from './quantity.ts';
import { compilePattern } from './validate.ts';

/** A resource quantity inside an expression. */
class Quantity {
  readonly exact: ExactQuantity;
  constructor(exact: ExactQuantity) {
    this.exact = exact;
  }
}

/** A parsed URL inside an expression. */
class CelUrl {
  readonly url: URL;
  constructor(url: URL) {
    this.url = url;
  }
}

const QUANTITY_SYNTAX =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

function quantityOf(text: string): Quantity {
  const exact = parseExactQuantity(text);
  if (exact === undefined) throw new Error(QUANTITY_SYNTAX);
  return new Quantity(exact);
}

function nanosOf(value: Quantity | bigint): bigint {
  return value instanceof Quantity ? value.exact.nanos : value * 1_000_000_000n;
}

function registerQuantities(environment: Environment): void {
  environment.registerType('Quantity', Quantity);
  const add = (signature: string, handler: (...values: never[]) => unknown): unknown =>
    environment.registerFunction(signature, handler as (...values: unknown[]) => unknown);
  add('quantity(string): Quantity', quantityOf);
  add('isQuantity(string): bool', (text: string) => parseExactQuantity(text) !== undefined);
  add('Quantity.sign(): int', (q: Quantity) => BigInt(compare(q.exact.nanos, 0n)));
  add('Quantity.isInteger(): bool', (q: Quantity) => q.exact.nanos % 1_000_000_000n === 0n);
  add('Quantity.asInteger(): int', (q: Quantity) => {
    if (q.exact.nanos % 1_000_000_000n !== 0n) throw new Error('cannot convert value to integer');
    return q.exact.nanos / 1_000_000_000n;
  });
  add('Quantity.asApproximateFloat(): double', (q: Quantity) => Number(q.exact.nanos) / 1e9);
  add(
    'Quantity.isGreaterThan(Quantity): bool',
    (a: Quantity, b: Quantity) => nanosOf(a) > nanosOf(b),
  );
  add('Quantity.isLessThan(Quantity): bool', (a: Quantity, b: Quantity) => nanosOf(a) < nanosOf(b));
  add('Quantity.compareTo(Quantity): int', (a: Quantity, b: Quantity) =>
    BigInt(compare(nanosOf(a), nanosOf(b))),
  );
  for (const operand of ['Quantity', 'int']) {
    add(
      `Quantity.add(${operand}): Quantity`,
      (a: Quantity, b: Quantity | bigint) =>
        new Quantity({ ...a.exact, nanos: nanosOf(a) + nanosOf(b) }),
    );
    add(
      `Quantity.sub(${operand}): Quantity`,
      (a: Quantity, b: Quantity | bigint) =>
        new Quantity({ ...a.exact, nanos: nanosOf(a) - nanosOf(b) }),
    );
  }
  add('string(Quantity): string', (q: Quantity) => formatQuantity(q.exact));
}

/** Order of two values of one type: numbers, strings, booleans, times, durations. */
function compare(a: unknown, b: unknown): number {
  const [left, right] = [a, b] as [number, number];
  if (left < right) return -1;
  return left > right ? 1 : 0;
}

function equal(a: unknown, b: unknown): boolean {
  return a === b || compare(a, b) === 0;
}

function listSum(list: readonly unknown[]): unknown {
  if (list.length === 0) return 0n;
  return (list as number[]).reduce((total, item) => total + item);
}

function extreme(list: readonly unknown[], sign: 1 | -1, name: string): unknown {
  if (list.length === 0) throw new Error(`${name} called on empty list`);
  return list.reduce((best, item) => (compare(item, best) * sign > 0 ? item : best));
}

function registerLists(environment: Environment): void {
  const add = (signature: string, handler: (list: readonly unknown[], item: unknown) => unknown) =>
    environment.registerFunction(signature, handler as (...values: unknown[]) => unknown);
  add('list.isSorted(): bool', (list) =>
    list.every((item, i) => i === 0 || compare(list[i - 1], item) <= 0),
  );
  add('list.sum(): dyn', listSum);
  add('list.min(): dyn', (list) => extreme(list, -1, 'min'));
  add('list.max(): dyn', (list) => extreme(list, 1, 'max'));
  add('list.indexOf(dyn): int', (list, item) =>
    BigInt(list.findIndex((other) => equal(other, item))),
  );
  add('list.lastIndexOf(dyn): int', (list, item) =>
    BigInt(list.findLastIndex((other) => equal(other, item))),
  );
}

function pattern(text: string): RegExp {
  const compiled = compilePattern(text);
  if (compiled === undefined) throw new Error(`Illegal regex: ${text}`);
  return compiled;
}

/** `%s %d %f %.2f %x %b %o %e %%`, as far as messages use them. */
function formatText(template: string, values: readonly unknown[]): string {
  let next = 0;
  return template.replaceAll(/%(?:\.(\d+))?([sdfexXob%])/g, (_, digits: string, verb: string) => {
    if (verb === '%') return '%';
    if (next >= values.length) throw new Error(`index ${next} out of range`);
    const value = values[next++] as number;
    if (verb === 'f') return value.toFixed(digits === undefined ? 6 : Number(digits));
    if (verb === 'e') return value.toExponential(digits === undefined ? 6 : Number(digits));
    const radix = { x: 16, X: 16, o: 8, b: 2 }[verb];
    if (radix === undefined) return formatValue(value);
    const text = value.toString(radix);
    return verb === 'X' ? text.toUpperCase() : text;
  });
}

function formatValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formatValue).join(', ')}]`;
  if (value instanceof Date) return value.toISOString().replace(/\.?0*Z$/, 'Z');
  return value instanceof Quantity ? formatQuantity(value.exact) : String(value);
}

function registerStrings(environment: Environment): void {
  const add = (signature: string, handler: (...values: never[]) => unknown): unknown =>
    environment.registerFunction(signature, handler as (...values: unknown[]) => unknown);
  add('string.replace(string, string): string', (text: string, from: string, to: string) =>
    text.replaceAll(from, () => to),
  );
  add(
    'string.replace(string, string, int): string',
    (text: string, from: string, to: string, count: bigint) => {
      const parts = text.split(from);
      const limit = count < 0n ? parts.length : Number(count);
      return parts.reduce((result, part, i) => `${result}${i <= limit ? to : from}${part}`);
    },
  );
  add('string.charAt(int): string', (text: string, index: bigint) => {
    if (index < 0n || index > BigInt(text.length)) throw new Error(`index out of range: ${index}`);
    return text.charAt(Number(index));
  });
  add('string.reverse(): string', (text: string) => Array.from(text).reverse().join(''));
  add('string.format(list): string', formatText);
  add(
    'string.find(string): string',
    (text: string, expression: string) => pattern(expression).exec(text)?.[0] ?? '',
  );
  add('string.findAll(string): list<string>', (text: string, expression: string) => [
    ...(text.match(new RegExp(pattern(expression), 'gu')) ?? []),
  ]);
  add(
    'string.findAll(string, int): list<string>',
    (text: string, expression: string, count: bigint) => {
      const all = text.match(new RegExp(pattern(expression), 'gu')) ?? [];
      return count < 0n ? [...all] : all.slice(0, Number(count));
    },
  );
}

function registerAddresses(environment: Environment): void {
  environment.registerType('URL', CelUrl);
  const add = (signature: string, handler: (...values: never[]) => unknown): unknown =>
    environment.registerFunction(signature, handler as (...values: unknown[]) => unknown);
  add('isURL(string): bool', (text: string) => URL.canParse(text));
  add('url(string): URL', (text: string) => {
    if (!URL.canParse(text))
      throw new Error(`URL parse error during conversion from string: ${text}`);
    return new CelUrl(new URL(text));
  });
  add('URL.getScheme(): string', ({ url }: CelUrl) => url.protocol.replace(/:$/, ''));
  add('URL.getHost(): string', ({ url }: CelUrl) => url.host);
  add('URL.getHostname(): string', ({ url }: CelUrl) => url.hostname);
  add('URL.getPort(): string', ({ url }: CelUrl) => url.port);
  add('URL.getEscapedPath(): string', ({ url }: CelUrl) => url.pathname);
  add('isIP(string): bool', (text: string) => isIP(text) !== 0);
}

/** Adds the Kubernetes library to an environment. */
export function registerKubernetesLibrary(environment: Environment): void {
  registerQuantities(environment);
  registerLists(environment);
  registerStrings(environment);
  registerAddresses(environment);
}
