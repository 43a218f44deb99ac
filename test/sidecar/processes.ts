/** Sidecars as processes without Kubernetes: started by flags in one folder, asked by HTTP and by the admin service. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import { DEFAULT_POLICIES } from '../../src/gateway/index.ts';
import { createChannel, services, type Wire } from '../../src/rpc/index.ts';
import { openTlsDirectory } from '../../src/security/index.ts';
import type { RunningConfig } from '../../src/sidecar/config.ts';
import { eventually } from '../eventually.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
/** What members without Kubernetes are called in their certificates. */
const SERVER_NAME = 'member.standalone.mcpcluster.local';
const CALL_TIMEOUT_MS = 10_000;

export interface RaftPage {
  readonly role: string;
  readonly leader_id: string | null;
  readonly term: number;
  readonly commit_index: number;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}

export type Process = ChildProcess & { readonly lines: string[] };

/** A folder of its own for data and certificates; processes and folder go after the tests of the file. */
export async function createProcesses() {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-'));
  const started: ChildProcess[] = [];
  after(async () => {
    for (const child of started) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  const node = (args: readonly string[], environment: Record<string, string> = {}): Process => {
    const lines: string[] = [];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, XDG_STATE_HOME: folder, ...environment },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => lines.push(text));
    }
    started.push(child);
    return Object.assign(child, { lines });
  };
  const run = (...args: string[]): Process => node([PROGRAM, ...args]);
  const sidecar = (id: string, port: number, ...flags: string[]): Process =>
    run(
      ...['sidecar', '--node-id', id, '--cluster-port', String(port)],
      ...['--advertise-addr', `127.0.0.1:${port}`, '--session-db-path', folder, ...flags],
    );
  /** Calls the admin service of the member at `port`. */
  const admin = async <T>(
    port: number,
    call: (client: ReturnType<typeof adminClient>) => Promise<T>,
  ): Promise<T> => {
    const tls = await openTlsDirectory(join(folder, 'mcp-cluster', 'standalone-tls'));
    const channel = createChannel({
      resolve: async () => ({ host: '127.0.0.1', port }),
      serverName: SERVER_NAME,
      tls,
      clusterId: 'standalone',
      clock: systemClock,
      random: systemRandom,
    });
    try {
      return await call(adminClient(channel));
    } finally {
      channel.close();
      tls.stop();
    }
  };
  return { folder, node, run, sidecar, admin };
}

function adminClient(channel: ReturnType<typeof createChannel>) {
  const client = channel.client(services.admin);
  const options = { timeoutMs: CALL_TIMEOUT_MS };
  return {
    status: () => client.getStatus({}, options),
    change: (
      changes: readonly Wire.MembershipStepInput[],
      transition = '',
      expected: Wire.ParticipantsInput | null = null,
    ) => client.changeMembership({ changes: [...changes], transition, expected }, options),
    transfer: (to = '') => client.transferLeadership({ to }, options),
    drain: (enabled: boolean) => client.drain({ enabled }, options),
    configure: (generation: number, config: object) =>
      client.applyConfig({ generation, config: JSON.stringify(config) }, options),
  };
}

/** A configuration that members can agree on, with these fenced. */
export const fencing = (...fencedMembers: string[]): RunningConfig => ({
  fencedMembers,
  gateway: {
    allowedOrigins: [],
    allowedHosts: [],
    limits: { bodyBytes: 1024, headerBytes: 1024, streamsPerSession: 4 },
    policies: DEFAULT_POLICIES,
  },
  sessions: { idleTimeoutMs: 1000, max: 10, resume: { events: 8, bytes: 1024, replicas: 1 } },
});

export async function raftPage(port: number): Promise<RaftPage> {
  const response = await fetch(`http://127.0.0.1:${port}/raft/status`);
  return (await response.json()) as RaftPage;
}

export async function readyPage(port: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/readyz`)).text();
}

/** The one leader that all members at these ports agree on. */
export function agreedLeader(ports: readonly number[], not?: string): Promise<string> {
  return eventually(
    'one leader',
    async () => {
      const leaders = await Promise.all(
        ports.map(async (port) => (await raftPage(port)).leader_id),
      );
      const [first] = leaders;
      if (first === null || first === undefined || first === not) return false;
      return leaders.every((leader) => leader === first) ? first : false;
    },
    30_000,
  );
}
