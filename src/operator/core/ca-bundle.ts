/** What an API server is told to trust while one authority follows another. */
import { bundleOf, certificatesIn } from '../../std/index.ts';

/** Each time the operator's Secret is lost adds one; the oldest go first. */
export const BUNDLE_MAX = 6;

/** `trusted`, and behind it what was there before; both are PEM. What is no PEM is dropped, or the API server would trust nothing. */
export function nextBundle(current: string, trusted: string): string {
  const wanted = certificatesIn(trusted);
  const older = certificatesIn(current).filter((pem) => !wanted.includes(pem));
  return bundleOf([...wanted, ...older].slice(0, BUNDLE_MAX));
}
