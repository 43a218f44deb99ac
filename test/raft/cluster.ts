/** Three real members over gRPC with mutual TLS and real files, in one process. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import {
  createRaftNode,
  type RaftNode,
  type RaftNodeOptions,
  type SnapshotPolicy,
  type StateMachine,
} from '../../src/raft/index.ts';
import { createRpcServer, type RpcServer } from '../../src/rpc/index.ts';
import type { TlsSource } from '../../src/security/index.ts';
import { createMetrics, silentLogger, type Metrics } from '../../src/telemetry/index.ts';
import { diskFiles, type WalFile, type WalFiles } from '../../src/raft/wal-files.ts';
import { eventually } from '../eventually.ts';
import { memberTls } from '../rpc/fixture.ts';

export interface ClusterOptions {
  readonly timing?: RaftNodeOptions['timing'];
  readonly snapshot?: SnapshotPolicy;
  readonly reads?: 'quorum' | 'lease';
  readonly onFatal?: (error: Error) => void;
}

const TIMING: RaftNodeOptions['timing'] = {
  heartbeatIntervalMs: 50,
  electionTimeoutMs: { min: 200, max: 400 },
};

export interface Member {
  readonly id: string;
  readonly node: RaftNode;
  readonly metrics: Metrics;
  /** Commands that make up this member's state, as text. */
  readonly applied: string[];
  stop(): Promise<void>;
  /** Its disk fails at the next write: it stops at once, without a word to the others. */
  fail(): Promise<void>;
}

export class TestCluster {
  readonly members = new Map<string, Member>();
  readonly #ports = new Map<string, number>();
  readonly #directory: string;
  readonly #tls: TlsSource;
  readonly #voters: readonly string[];
  readonly #options: ClusterOptions;

  constructor(
    directory: string,
    tls: TlsSource,
    voters: readonly string[],
    options: ClusterOptions,
  ) {
    this.#directory = directory;
    this.#tls = tls;
    this.#voters = voters;
    this.#options = options;
  }

  static async create(
    voters = ['n1', 'n2', 'n3'],
    options: ClusterOptions = {},
  ): Promise<TestCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'raft-'));
    const cluster = new TestCluster(directory, await memberTls(), voters, options);
    await Promise.all(voters.map((id) => cluster.start(id)));
    return cluster;
  }

  /** Starts a member with an empty disk and makes it a learner. */
  async join(id: string): Promise<Member> {
    const member = await this.start(id, []);
    const leader = await this.leader(this.#voters.filter((voter) => voter !== id));
    await leader.node.changeMembership({
      transition: 'auto',
      changes: [{ type: 'add-learner', id }],
    });
    return member;
  }

  dataDir(id: string): string {
    return join(this.#directory, id);
  }

  async start(id: string, voters = this.#voters): Promise<Member> {
    const metrics = createMetrics();
    const rpcServer: RpcServer = createRpcServer({
      address: '127.0.0.1',
      port: this.#ports.get(id) ?? 0,
      tls: this.#tls,
      clusterId: 'cluster-1',
      logger: silentLogger,
      metrics,
    });
    const disk = failingDisk(join(this.dataDir(id), 'raft'));
    const node = createRaftNode({
      id,
      clusterId: 'cluster-1',
      voters,
      peers: {
        resolve: async (peer) => ({ host: '127.0.0.1', port: this.#ports.get(peer) ?? 1 }),
        serverName: () => 'localhost',
      },
      dataDir: this.dataDir(id),
      files: disk.files,
      onFatal: () => undefined,
      rpcServer,
      tls: this.#tls,
      timing: TIMING,
      ...this.#options,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      metrics,
    });
    const applied: string[] = [];
    node.use(listMachine(applied));
    let stopped = false;
    this.#ports.set(id, (await rpcServer.listen()).port);
    await node.start();
    const member: Member = {
      id,
      node,
      metrics,
      applied,
      stop: async () => {
        if (stopped) return;
        stopped = true;
        await node.stop();
        await rpcServer.stop();
        this.members.delete(id);
      },
      fail: async () => {
        disk.break();
        await assert.rejects(node.propose(bytes('into the void')));
        await node.stop();
        await rpcServer.stop();
        this.members.delete(id);
      },
    };
    this.members.set(id, member);
    return member;
  }

  /** The member that leads and that every running member follows. */
  leader(among?: readonly string[]): Promise<Member> {
    return eventually('one leader for all', () => {
      const members = [...this.members.values()].filter(({ id }) => among?.includes(id) ?? true);
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

/** A real folder that can be made to fail. */
function failingDisk(directory: string): { files: WalFiles; break(): void } {
  let broken = false;
  const real = diskFiles(directory);
  const watched = (file: WalFile): WalFile => ({
    write: (data, offset) => file.write(data, offset),
    writeDurably: (data, offset) =>
      broken ? Promise.reject(new Error('the disk is gone')) : file.writeDurably(data, offset),
    read: (offset, length) => file.read(offset, length),
    size: () => file.size(),
    sync: () => (broken ? Promise.reject(new Error('the disk is gone')) : file.sync()),
    close: () => file.close(),
  });
  const files: WalFiles = {
    ...real,
    create: async (name) => watched(await real.create(name)),
    open: async (name) => watched(await real.open(name)),
  };
  return {
    files,
    break() {
      broken = true;
    },
  };
}

/** The commands themselves are the state. */
export function listMachine(state: string[]): StateMachine {
  let checksum = 0;
  const add = (text: string): void => {
    state.push(text);
    checksum = crc32(text, checksum);
  };
  return {
    apply: ({ command }) => add(Buffer.from(command).toString()),
    snapshot: () => [...state].map((text) => Buffer.from(`${JSON.stringify(text)}\n`)),
    beginRestore() {
      const chunks: Uint8Array[] = [];
      return {
        add: (chunk) => chunks.push(chunk),
        finish() {
          state.length = 0;
          checksum = 0;
          const lines = Buffer.concat(chunks).toString().split('\n').filter(Boolean);
          for (const line of lines) add(JSON.parse(line) as string);
        },
      };
    },
    checksum: () => checksum,
  };
}

export const bytes = (text: string): Uint8Array => Buffer.from(text);
