/** Which errors of a member a person can mend, and what the process then ends with. */
import { UsageError } from '../host/index.ts';
import { UNUSABLE_DATA_EXIT_CODE } from '../std/index.ts';

/** A member with such a folder must come back as another one, with an empty folder. */
const UNUSABLE: ReadonlySet<string> = new Set([
  ...['corrupt', 'hole', 'garbage', 'identity', 'snapshot-missing', 'snapshot-damaged'],
  ...['shared', 'rolled-back'],
]);

/** Errors that a person can mend become one line; the rest is a fault of ours. */
export function asUsageError(error: unknown): unknown {
  const { code, address, port, name, message } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  if (code === 'EADDRINUSE') {
    return new UsageError(
      `port ${port} at ${address} is taken: stop what listens there, or choose another port`,
    );
  }
  if (code === 'EADDRNOTAVAIL') {
    return new UsageError(`this machine has no address ${address}: see --advertise-addr`);
  }
  if (name === 'WalError') {
    return new UsageError(message, UNUSABLE.has(code ?? '') ? UNUSABLE_DATA_EXIT_CODE : undefined);
  }
  return error;
}
