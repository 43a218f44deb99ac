/** Exact resource quantities: parsing, comparison and the canonical text that the API server writes. */

const QUANTITY = /^([+-]?)(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$/;
const DECIMAL_EXPONENTS: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const NANO = 1_000_000_000n;

type Format = 'decimal' | 'binary' | 'exponent';

/** A quantity in billionths, and how it was written. */
export interface ExactQuantity {
  readonly nanos: bigint;
  readonly format: Format;
}

/** The quantity that `text` stands for, or undefined when it is not one. Finer than a billionth rounds up. */
export function parseExactQuantity(text: string): ExactQuantity | undefined {
  const match = QUANTITY.exec(text);
  if (match === null) return undefined;
  const [, sign, digits = '', suffix = ''] = match;
  const [whole = '', fraction = ''] = digits.split('.');
  const mantissa = BigInt(`${whole}${fraction}`);
  const binary = BINARY_SUFFIXES.indexOf(suffix);
  let magnitude: bigint;
  let format: Format = 'decimal';
  if (binary > 0) {
    format = 'binary';
    magnitude = scaleUp(mantissa * NANO * 1024n ** BigInt(binary), -fraction.length);
  } else {
    if (/^[eE][+-]?\d/.test(suffix)) format = 'exponent';
    const exponent = format === 'exponent' ? Number(suffix.slice(1)) : DECIMAL_EXPONENTS[suffix];
    magnitude = scaleUp(mantissa, 9 + (exponent ?? 0) - fraction.length);
  }
  return { nanos: sign === '-' ? -magnitude : magnitude, format };
}

/** value * 10^exponent, rounded up. */
function scaleUp(value: bigint, exponent: number): bigint {
  if (exponent >= 0) return value * 10n ** BigInt(Math.min(exponent, 60));
  const divisor = 10n ** BigInt(-exponent);
  return (value + divisor - 1n) / divisor;
}

/** The canonical text of a quantity (`1000m` → `1`, `1.5Gi` → `1536Mi`). */
export function formatQuantity({ nanos, format }: ExactQuantity): string {
  if (nanos === 0n) return '0';
  const sign = nanos < 0n ? '-' : '';
  const magnitude = nanos < 0n ? -nanos : nanos;
  if (format === 'binary' && magnitude % NANO === 0n && magnitude >= 1024n * NANO) {
    let [value, suffix] = [magnitude / NANO, 0];
    while (value % 1024n === 0n && suffix < 6) [value, suffix] = [value / 1024n, suffix + 1];
    return `${sign}${value}${BINARY_SUFFIXES[suffix]}`;
  }
  let [value, exponent] = [magnitude, -9];
  while (value % 1000n === 0n && exponent < 18) [value, exponent] = [value / 1000n, exponent + 3];
  if (format === 'exponent') return `${sign}${value}${exponent === 0 ? '' : `e${exponent}`}`;
  const suffix = Object.entries(DECIMAL_EXPONENTS).find(([, power]) => power === exponent)?.[0];
  return `${sign}${value}${suffix ?? ''}`;
}

/** The canonical text of what may be a quantity; anything else comes back as it was. */
export function canonicalQuantity(value: unknown): unknown {
  if (typeof value !== 'string' && typeof value !== 'number') return value;
  const parsed = parseExactQuantity(String(value));
  return parsed === undefined ? value : formatQuantity(parsed);
}
