/** Several laptop clusters may run on one machine: each node holds a number of its own, and with it a range of addresses. */
import { createServer, type Server } from 'node:net';
import { UsageError } from '../../host/index.ts';
import { podAddress, podCidrOf, twinOf } from './addresses.ts';

/** The port that a real kubelet listens on; here it only says that the number is taken. */
const CLAIM_PORT = 10250;
const NUMBER_MAX = 254;

export interface NodeNumbers {
  readonly numbers: readonly number[];
  release(): Promise<void>;
}

/**
 * The `count` smallest numbers that no other cluster of this machine holds; the system releases them when this process
 * ends, however it ends. Rejects with `UsageError` when the system has no 127.244.x.y.
 */
export async function claimNodeNumbers(count: number): Promise<NodeNumbers> {
  const servers: Server[] = [];
  const numbers: number[] = [];
  const release = async (): Promise<void> => {
    await Promise.all(
      servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))),
    );
  };
  for (let number = 1; number <= NUMBER_MAX && numbers.length < count; number++) {
    const server = createServer((socket) => socket.destroy());
    const problem = await listen(server, twinOf(podAddress(podCidrOf(number), 1)));
    if (problem === undefined) {
      servers.push(server);
      numbers.push(number);
    } else if (problem !== 'EADDRINUSE') {
      await release();
      throw new UsageError(
        `cannot use loopback addresses 127.244.x.y (${problem}): the laptop cluster needs Linux, or a lo0 alias for each of them`,
      );
    }
  }
  if (numbers.length === count) return { numbers, release };
  await release();
  throw new UsageError('every node number of this machine is taken: end other laptop clusters');
}

/** The code of the error, or undefined when it listens. It does not keep the process alive. */
function listen(server: Server, address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(CLAIM_PORT, address, () => resolve(undefined));
    server.unref();
  });
}
