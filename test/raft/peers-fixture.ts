/** Members that are only their transport: real gRPC with mutual TLS on the loopback, and no Raft behind it. */
import { createHash } from 'node:crypto';
import type { TestContext } from 'node:test';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import type { Message } from '../../src/raft/core/index.ts';
import type {
  KnownDisk,
  SnapshotHeader,
  SnapshotPort,
  TransportOptions,
} from '../../src/raft/peers.ts';
import { createTransport, type Transport } from '../../src/raft/transport.ts';
import { createRpcServer, type RpcServer } from '../../src/rpc/index.ts';
import { staticTls, type KeyPair, type TlsSource } from '../../src/security/index.ts';
import { createMetrics, silentLogger, type Metrics } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { createAuthority, memberMaterial } from '../rpc/fixture.ts';

export type Options = Partial<TransportOptions>;

export interface Peer {
  readonly id: string;
  readonly transport: Transport;
  readonly server: RpcServer;
  readonly metrics: Metrics;
  readonly received: Message[];
  readonly dropped: Message[];
  readonly lost: string[];
  readonly logged: { message: string; fields: Readonly<Record<string, unknown>> }[];
  stop(): Promise<void>;
}

/** Peers that find each other by their ports; a port can be set by hand to put something else there. */
export class PeerNet {
  readonly ports = new Map<string, number>();
  readonly tls: TlsSource;
  readonly #test: TestContext;

  /** Signs the certificate that all members share here. */
  readonly authority: KeyPair;

  private constructor(t: TestContext, tls: TlsSource, authority: KeyPair) {
    this.#test = t;
    this.tls = tls;
    this.authority = authority;
  }

  static async create(t: TestContext): Promise<PeerNet> {
    const authority = await createAuthority();
    const material = await memberMaterial(authority, 'cluster-1');
    return new PeerNet(t, staticTls(material), authority);
  }

  async start(id: string, options: Options = {}): Promise<Peer> {
    const metrics = createMetrics();
    const server = createRpcServer({
      address: '127.0.0.1',
      port: this.ports.get(id) ?? 0,
      tls: this.tls,
      clusterId: 'cluster-1',
      logger: silentLogger,
      metrics,
    });
    const received: Message[] = [];
    const dropped: Message[] = [];
    const lost: string[] = [];
    const logged: Peer['logged'] = [];
    const log = (message: string, fields = {}): void => void logged.push({ message, fields });
    const transport = createTransport({
      id,
      instance: systemRandom.bytes(8).toString(),
      clusterId: 'cluster-1',
      diskId: () => `disk-of-${id}`,
      knownDisk: memoryDisks(),
      peers: {
        resolve: async (peer) => ({ host: '127.0.0.1', port: this.ports.get(peer) ?? 1 }),
        serverName: () => 'localhost',
      },
      rpcServer: server,
      tls: this.tls,
      clock: systemClock,
      random: systemRandom,
      logger: { ...silentLogger, error: log, warn: log },
      metrics,
      onMessage: (message) => received.push(message),
      onDropped: (_peer, messages) => dropped.push(...messages),
      onLost: (peer) => lost.push(peer),
      onOpen: () => undefined,
      ...options,
    });
    this.ports.set(id, (await server.listen()).port);
    let stopped = false;
    const stop = async (): Promise<void> => {
      if (stopped) return;
      stopped = true;
      transport.stop();
      await server.stop();
    };
    this.#test.after(stop);
    return { id, transport, server, metrics, received, dropped, lost, logged, stop };
  }
}

/** Waits until each can send to the other. */
export async function connected(a: Peer, b: Peer): Promise<void> {
  a.transport.setPeers([b.id]);
  b.transport.setPeers([a.id]);
  await eventually('two open links', () => a.transport.canSend(b.id) && b.transport.canSend(a.id));
}

/** The value of a series in the metrics of a peer; 0 when there is none. */
export async function metric(metrics: Metrics, name: string, ...labels: string[]): Promise<number> {
  const lines = (await metrics.exposition()).split('\n');
  const rows = lines.filter(
    (line) => line.startsWith(name) && labels.every((label) => line.includes(label)),
  );
  return rows.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

export function memoryDisks(): KnownDisk {
  const disks = new Map<string, string>();
  return {
    get: (id) => disks.get(id),
    set: (id, diskId) => void disks.set(id, diskId),
    forget: (id) => void disks.delete(id),
  };
}

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

/** Snapshots in memory. What was received so far is kept for the next attempt, as on a disk. */
export class MemorySnapshots implements SnapshotPort {
  readonly files = new Map<number, Uint8Array>();
  /** The hash to announce instead of the right one. */
  announced: string | undefined;
  readonly starts: { index: number; offset: number }[] = [];
  readonly reads: number[] = [];
  readonly #partial = new Map<string, Uint8Array[]>();

  describe(index: number): { bytes: number; sha256: string } | undefined {
    const file = this.files.get(index);
    return file && { bytes: file.length, sha256: this.announced ?? sha256(file) };
  }

  async *read(index: number, offset: number): AsyncGenerator<Uint8Array> {
    this.reads.push(offset);
    const file = this.files.get(index) as Uint8Array;
    for (let at = offset; at < file.length; at += 100_000) yield file.subarray(at, at + 100_000);
  }

  async receive(header: SnapshotHeader): Promise<{
    offset: number;
    add(chunk: Uint8Array): void;
    finish(): Promise<void>;
    abort(): void;
  }> {
    const { index } = header.meta;
    const chunks = this.#partial.get(header.sha256) ?? [];
    this.#partial.set(header.sha256, chunks);
    const offset = chunks.reduce((sum, { length }) => sum + length, 0);
    this.starts.push({ index, offset });
    return {
      offset,
      add: (chunk) => void chunks.push(Uint8Array.from(chunk)),
      finish: async () => {
        const bytes = Buffer.concat(chunks);
        this.#partial.delete(header.sha256);
        if (sha256(bytes) !== header.sha256) {
          throw Object.assign(new Error('other bytes than announced'), { code: 'snapshot-hash' });
        }
        this.files.set(index, bytes);
      },
      abort: () => undefined,
    };
  }
}
