/** Kubernetes resource quantities (`500m`, `64Mi`, `1e3`), as far as the specification of our resources uses them. */

const SUFFIXES: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The number a quantity stands for, or undefined when the text is not one. */
export function parseQuantity(text: string): number | undefined {
  const match = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(
    text,
  );
  if (match === null) return undefined;
  const [, digits, exponent, suffix] = match;
  return exponent === undefined
    ? Number(digits) * (SUFFIXES[suffix ?? ''] ?? Number.NaN)
    : Number(`${digits}${exponent}`);
}
