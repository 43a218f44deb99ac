/** What an API server is told to trust while one authority follows another. */

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** Each time the operator's Secret is lost adds one; the oldest go first. */
export const BUNDLE_MAX = 6;

/** `trusted`, and behind it what was there before; both are PEM. What is no PEM is dropped, or the API server would trust nothing. */
export function nextBundle(current: string, trusted: string): string {
  const wanted: readonly string[] = trusted.match(PEM) ?? [];
  const older = (current.match(PEM) ?? []).filter((pem) => !wanted.includes(pem));
  return [...wanted, ...older]
    .slice(0, BUNDLE_MAX)
    .map((pem) => `${pem}\n`)
    .join('');
}
