/** A free TCP port of 127.0.0.1 for a process of a test. */
import { freePorts } from '../src/host/index.ts';

export { freePorts };

/** One that was free a moment ago. */
export async function freePort(): Promise<number> {
  return (await freePorts(1))[0] as number;
}
