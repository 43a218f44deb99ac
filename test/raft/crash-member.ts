/** A cluster of one, as a process that can end itself: its half of `crash-child.ts`. */
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import { createRaftNode, type StateMachine } from '../../src/raft/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { filesWithPoints } from './crash-points.ts';

export interface MemberLife {
  readonly folder: string;
  /** Names its values, so that those of one life are not those of another. */
  readonly name: string;
  readonly reached: (point: string) => void;
  readonly say: (line: string) => void;
}

/** A list of values as a state machine. */
class Values implements StateMachine {
  values: string[] = [];
  readonly #reached: (point: string) => void;

  constructor(reached: (point: string) => void) {
    this.#reached = reached;
  }

  apply({ command }: { readonly command: Uint8Array }): void {
    this.#reached('apply.before');
    this.values.push(Buffer.from(command).toString());
    this.#reached('apply.after');
  }
  *snapshot(): Iterable<Uint8Array> {
    const text = JSON.stringify(this.values);
    for (let at = 0; at < text.length; at += 200) {
      this.#reached('snapshot.chunk');
      yield Buffer.from(text.slice(at, at + 200));
    }
  }
  beginRestore(): { add(chunk: Uint8Array): void; finish(): void } {
    const chunks: Uint8Array[] = [];
    return {
      add: (chunk) => void chunks.push(chunk),
      finish: () => {
        this.values = JSON.parse(Buffer.concat(chunks).toString()) as string[];
        this.#reached('restore.after');
      },
    };
  }
  checksum(): number {
    return this.values.length;
  }
}

/** A cluster of one: says what it has, then takes values, several at once, and says which it acknowledged. */
export async function liveAsMember(life: MemberLife): Promise<void> {
  const { folder, name, reached, say } = life;
  const machine = new Values(reached);
  const node = createRaftNode({
    id: 'n1',
    clusterId: 'c',
    voters: ['n1'],
    peers: { address: () => undefined } as never,
    dataDir: folder,
    rpcServer: { addService: () => undefined },
    tls: undefined as never,
    timing: { heartbeatIntervalMs: 50, electionTimeoutMs: { min: 100, max: 200 } },
    snapshot: { entries: 10, bytes: 2 ** 20 },
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics(),
    files: filesWithPoints(join(folder, 'raft'), reached),
  });
  node.use(machine);
  await node.start();
  await node.readBarrier();
  say(`has ${JSON.stringify(machine.values)}`);
  for (let round = 0; round < 10; round++) {
    const values = [0, 1, 2].map((i) => `${name}/${round}/${i}`);
    await Promise.all(
      values.map(async (value) => {
        say(`asked ${value}`);
        await node.propose(Buffer.from(value));
        reached('reply.before');
        say(`acknowledged ${value}`);
        reached('reply.after');
      }),
    );
  }
  await node.stop();
}
