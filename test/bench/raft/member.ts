/**
 * One member of a benchmarked Raft group as a process of its own: real log, real gRPC with mutual TLS. It does what its
 * parent asks over the process channel, and it makes proposals itself, as a sidecar's gateway does.
 */
import { createRaftNode, type RaftNode } from '../../../src/raft/index.ts';
import { onTerminationSignal, systemClock, systemRandom } from '../../../src/host/index.ts';
import { createRpcServer, type RpcServer } from '../../../src/rpc/index.ts';
import { staticTls, type TlsMaterial } from '../../../src/security/index.ts';
import { createMetrics, silentLogger } from '../../../src/telemetry/index.ts';
import { Latencies } from './latencies.ts';
import { BenchMachine, KEPT } from './machine.ts';

/** The defaults of a sidecar. */
const TIMING = { heartbeatIntervalMs: 50, electionTimeoutMs: { min: 200, max: 400 } };
const CLUSTER_ID = 'bench';

/** What a member can be asked to do, and what it answers. */
export interface MemberCalls {
  /** Answers when the program is loaded. */
  ping(): Promise<void>;
  /** Opens the log and joins the others. */
  start(setup: {
    readonly id: string;
    readonly ports: Readonly<Record<string, number>>;
    readonly dataDir: string;
    readonly tls: TlsMaterial;
  }): Promise<void>;
  status(): Promise<{
    readonly isLeader: boolean;
    readonly leaderId: string | undefined;
    readonly term: number;
    readonly appliedIndex: number;
  }>;
  /** One proposal; the term it was committed in. */
  propose(): Promise<number>;
  /** Keeps `inFlight` proposals of `bytes` under way for `ms`. */
  load(work: { inFlight: number; bytes: number; ms: number }): Promise<LoadResult>;
  /** Makes the state `bytes` larger. */
  fill(work: { bytes: number }): Promise<void>;
}

export interface LoadResult {
  readonly committed: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

let node: RaftNode | undefined;
let rpcServer: RpcServer | undefined;

function started(): RaftNode {
  if (node === undefined) throw new Error('the member was not started');
  return node;
}

const calls: MemberCalls = {
  ping: async () => undefined,
  async start({ id, ports, dataDir, tls }) {
    const shared = { tls: staticTls(tls), clusterId: CLUSTER_ID, metrics: createMetrics() };
    const port = ports[id] as number;
    rpcServer = createRpcServer({ ...shared, address: '127.0.0.1', port, logger: silentLogger });
    node = createRaftNode({
      ...shared,
      id,
      voters: Object.keys(ports),
      peers: {
        resolve: async (peer) => ({ host: '127.0.0.1', port: ports[peer] as number }),
        serverName: () => 'localhost',
      },
      dataDir,
      rpcServer,
      timing: TIMING,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
    node.use(new BenchMachine());
    await rpcServer.listen();
    await node.start();
  },
  async status() {
    const { role, leaderId, term, appliedIndex } = started().status();
    return { isLeader: role === 'leader', leaderId, term, appliedIndex };
  },
  async propose() {
    return (await started().propose(new Uint8Array(256))).term;
  },
  load: ({ inFlight, bytes, ms }) => load(started(), inFlight, bytes, ms),
  async fill({ bytes }) {
    const value = new Uint8Array(64 * 1024).fill(KEPT);
    let left = Math.ceil(bytes / value.length);
    const worker = async (): Promise<void> => {
      while (left-- > 0) await started().propose(value);
    };
    await Promise.all(Array.from({ length: 32 }, worker));
  },
};

async function load(
  member: RaftNode,
  inFlight: number,
  bytes: number,
  ms: number,
): Promise<LoadResult> {
  const latencies = new Latencies();
  let failed = 0;
  const began = performance.now();
  const worker = async (_: unknown, number: number): Promise<void> => {
    const command = Buffer.alloc(bytes);
    for (let i = 0; ; i++) {
      const from = performance.now();
      if (from - began > ms) return;
      command.writeUInt32LE(number, bytes - 8);
      command.writeUInt32LE(i, bytes - 4);
      try {
        await member.propose(command);
        latencies.add(performance.now() - from);
      } catch {
        failed += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - began) / 1000;
  return {
    committed: latencies.count,
    failed,
    perSecond: latencies.count / seconds,
    p50Ms: latencies.quantile(0.5),
    p99Ms: latencies.quantile(0.99),
    maxMs: latencies.quantile(1),
  };
}

async function stop(): Promise<void> {
  await node?.stop();
  await rpcServer?.stop();
  process.exit(0);
}

onTerminationSignal(() => void stop());
process.on('disconnect', () => process.exit(0));
process.on('message', (request: { id: number; call: keyof MemberCalls; work: unknown }) => {
  const answer = (body: object): unknown => process.send?.({ id: request.id, ...body });
  const call = calls[request.call] as (work: unknown) => Promise<unknown>;
  call(request.work).then(
    (result) => answer({ result }),
    (error: Error) => answer({ error: error.message }),
  );
});
