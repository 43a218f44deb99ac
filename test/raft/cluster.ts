/** Three real members over gRPC with mutual TLS and real files, in one process. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import {
  createRaftNode,
  type LogEntry,
  type RaftNode,
  type RaftNodeOptions,
} from '../../src/raft/index.ts';
import { createRpcServer, type RpcServer } from '../../src/rpc/index.ts';
import type { TlsSource } from '../../src/security/index.ts';
import { createMetrics, silentLogger, type Metrics } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { memberTls } from '../rpc/fixture.ts';

const TIMING: RaftNodeOptions['timing'] = {
  heartbeatIntervalMs: 50,
  electionTimeoutMs: { min: 200, max: 400 },
};

export interface Member {
  readonly id: string;
  readonly node: RaftNode;
  readonly metrics: Metrics;
  /** Commands applied by this process, as text. */
  readonly applied: string[];
  stop(): Promise<void>;
}

export class TestCluster {
  readonly members = new Map<string, Member>();
  readonly #ports = new Map<string, number>();
  readonly #directory: string;
  readonly #tls: TlsSource;
  readonly #voters: readonly string[];
  readonly #learners: readonly string[];
  readonly #timing: RaftNodeOptions['timing'];

  constructor(
    directory: string,
    tls: TlsSource,
    members: { voters: string[]; learners: string[] },
    timing: RaftNodeOptions['timing'],
  ) {
    this.#directory = directory;
    this.#tls = tls;
    this.#voters = members.voters;
    this.#learners = members.learners;
    this.#timing = timing;
  }

  static async create(
    voters = ['n1', 'n2', 'n3'],
    learners: string[] = [],
    timing = TIMING,
  ): Promise<TestCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'raft-'));
    const cluster = new TestCluster(directory, await memberTls(), { voters, learners }, timing);
    await Promise.all([...voters, ...learners].map((id) => cluster.start(id)));
    return cluster;
  }

  dataDir(id: string): string {
    return join(this.#directory, id);
  }

  async start(id: string): Promise<Member> {
    const metrics = createMetrics();
    const rpcServer: RpcServer = createRpcServer({
      address: '127.0.0.1',
      port: this.#ports.get(id) ?? 0,
      tls: this.#tls,
      clusterId: 'cluster-1',
      logger: silentLogger,
      metrics,
    });
    const node = createRaftNode({
      id,
      clusterId: 'cluster-1',
      voters: this.#voters,
      learners: this.#learners,
      peers: {
        resolve: async (peer) => ({ host: '127.0.0.1', port: this.#ports.get(peer) ?? 1 }),
        serverName: () => 'localhost',
      },
      dataDir: this.dataDir(id),
      rpcServer,
      tls: this.#tls,
      timing: this.#timing,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      metrics,
    });
    const applied: string[] = [];
    node.onApply((entry: LogEntry) => applied.push(Buffer.from(entry.command).toString()));
    this.#ports.set(id, (await rpcServer.listen()).port);
    await node.start();
    const member: Member = {
      id,
      node,
      metrics,
      applied,
      stop: async () => {
        await rpcServer.stop();
        await node.stop();
        this.members.delete(id);
      },
    };
    this.members.set(id, member);
    return member;
  }

  /** The member that leads and that every running member follows. */
  leader(): Promise<Member> {
    return eventually('one leader for all', () => {
      const members = [...this.members.values()];
      const leader = members.find(({ node }) => node.status().role === 'leader');
      const agreed = members.every(({ node }) => node.status().leaderId === leader?.id);
      return agreed ? leader : undefined;
    });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.members.values()].map((member) => member.stop()));
    await rm(this.#directory, { recursive: true, force: true });
  }
}

export const bytes = (text: string): Uint8Array => Buffer.from(text);
