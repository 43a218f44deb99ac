/** Three member processes on loopback with a proxy for each direction between them, and everything that can befall them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventually } from '../eventually.ts';

import { createAuthority, memberMaterial } from '../rpc/fixture.ts';
import { MemberConnection, type Exchange } from './connection.ts';
import { Link, type LinkMode } from './link.ts';
import { lastingPorts } from './ports.ts';
import type { MemberConfig, MemberStatus } from './protocol.ts';

const VOTERS = ['n1', 'n2', 'n3'] as const;
export type MemberId = (typeof VOTERS)[number];

const MEMBER = fileURLToPath(new URL('member.ts', import.meta.url));
const STATUS_TIMEOUT_MS = 300;
/** A hand-over, the last flush and the end of the process take a tenth of it. */
const END_TIMEOUT_MS = 30_000;
const LOG_TAIL_BYTES = 4_096;

interface Member {
  readonly config: MemberConfig;
  readonly control: MemberConnection;
  child: ChildProcess | undefined;
  /** Its end is our doing. */
  ending: boolean;
}

export interface ClusterOptions {
  /** Data and logs of the members; it must be there and empty. */
  readonly directory: string;
  readonly reads?: MemberConfig['reads'];
  readonly staleReads?: boolean;
}

export class ProcessCluster {
  readonly ids: readonly MemberId[] = VOTERS;
  /** Members that ended by themselves: none should. */
  readonly failures: string[] = [];
  readonly #directory: string;
  readonly #members = new Map<MemberId, Member>();
  readonly #links = new Map<string, Link>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async start(options: ClusterOptions): Promise<ProcessCluster> {
    const cluster = new ProcessCluster(options.directory);
    const tls = await memberMaterial(await createAuthority(), 'cluster-1');
    const ports = await lastingPorts(2 * VOTERS.length);
    for (const [i, to] of VOTERS.entries()) {
      for (const from of VOTERS) {
        if (from !== to) cluster.#links.set(`${from}>${to}`, await Link.create(ports[i] as number));
      }
    }
    for (const [i, id] of VOTERS.entries()) {
      const [rpcPort, controlPort] = [ports[i] as number, ports[i + VOTERS.length] as number];
      const { reads = 'quorum', staleReads = false } = options;
      cluster.#add(id, { rpcPort, controlPort, tls, reads, staleReads });
    }
    try {
      await Promise.all(VOTERS.map((id) => cluster.launch(id)));
      await cluster.leader();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  #add(id: MemberId, rest: Omit<MemberConfig, 'id' | 'voters' | 'dataDir' | 'peerPorts'>): void {
    const others = VOTERS.filter((other) => other !== id);
    const peerPorts = Object.fromEntries(others.map((to) => [to, this.link(id, to).port]));
    const dataDir = join(this.#directory, id);
    const config = { ...rest, id, voters: VOTERS, dataDir, peerPorts };
    const control = new MemberConnection(rest.controlPort);
    this.#members.set(id, { config, control, child: undefined, ending: false });
  }

  controlPort(id: MemberId): number {
    return this.#member(id).config.controlPort;
  }

  /** The link on which `from` dials `to`. */
  link(from: MemberId, to: MemberId): Link {
    return this.#links.get(`${from}>${to}`) as Link;
  }

  /** Sets both directions between two members. */
  between(a: MemberId, b: MemberId, mode: LinkMode): void {
    this.link(a, b).set(mode);
    this.link(b, a).set(mode);
  }

  /** Starts the process of a member and waits until its control port answers. */
  async launch(id: MemberId): Promise<void> {
    const member = this.#member(id);
    const configPath = join(this.#directory, `${id}.json`);
    await writeFile(configPath, JSON.stringify(member.config), { mode: 0o600 });
    const log = openSync(join(this.#directory, `${id}.log`), 'a');
    const child = spawn(process.execPath, [MEMBER, configPath], { stdio: ['pipe', log, log] });
    closeSync(log);
    member.child = child;
    member.ending = false;
    child.on('exit', (code, signal) => {
      if (!member.ending) this.failures.push(`${id} ended by itself: ${code ?? signal}`);
    });
    const ended = new AbortController();
    child.on('exit', () => ended.abort());
    await eventually(
      `${id} to answer`,
      async () => ended.signal.aborted || (await this.status(id)) !== undefined,
      30_000,
    );
    if (ended.signal.aborted) throw new Error(`${id} ended at its start: see its log`);
  }

  /** Ends a member: SIGKILL at once, SIGTERM after it has handed over. Resolves when it is gone, rejects if it will not go. */
  async end(id: MemberId, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const member = this.#member(id);
    const { child } = member;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    member.ending = true;
    const gone = once(child, 'exit');
    child.kill(signal);
    if (signal === 'SIGKILL') child.kill('SIGCONT');
    const late = new AbortController();
    const limit = pause(END_TIMEOUT_MS, 'late', { signal: late.signal }).catch(() => undefined);
    if ((await Promise.race([gone, limit])) === 'late') {
      child.kill('SIGKILL');
      const log = await readFile(join(this.#directory, `${id}.log`), 'utf8');
      const end = log.slice(-LOG_TAIL_BYTES);
      throw new Error(`${id} lives ${END_TIMEOUT_MS} ms after ${signal}; its log ends:\n${end}`);
    }
    late.abort();
  }

  /** Stops the process in the middle of whatever it does, or lets it go on. */
  pause(id: MemberId, paused: boolean): void {
    this.#member(id).child?.kill(paused ? 'SIGSTOP' : 'SIGCONT');
  }

  stallDisk(id: MemberId, on: boolean): Promise<Exchange> {
    return this.#member(id).control.request({ op: 'stall-disk', on }, STATUS_TIMEOUT_MS);
  }

  /** Makes a leader hand over, if it can. */
  transfer(id: MemberId): Promise<Exchange> {
    return this.#member(id).control.request({ op: 'transfer' }, 2 * STATUS_TIMEOUT_MS);
  }

  async status(id: MemberId): Promise<MemberStatus | undefined> {
    const exchange = await this.#member(id).control.request({ op: 'status' }, STATUS_TIMEOUT_MS);
    if (exchange.outcome !== 'answered' || !('status' in exchange.response)) return undefined;
    return exchange.response.status;
  }

  /** The member that says it leads; of several, that of the newest term. */
  leader(timeoutMs?: number): Promise<MemberId> {
    return eventually('a leader', () => this.leaderNow(), timeoutMs);
  }

  async leaderNow(): Promise<MemberId | undefined> {
    const statuses = await Promise.all(
      this.ids.map(async (id) => ({ id, status: await this.status(id) })),
    );
    const leaders = statuses.filter(({ status }) => status?.role === 'leader');
    leaders.sort((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0));
    return leaders[0]?.id;
  }

  /** Ends every process and link; data and logs stay. */
  async stop(): Promise<void> {
    await Promise.all(this.ids.map((id) => this.end(id, 'SIGKILL')));
    for (const { control } of this.#members.values()) control.close();
    for (const link of this.#links.values()) link.close();
    await Promise.all(
      this.ids.map((id) => rm(join(this.#directory, `${id}.json`), { force: true })),
    );
  }

  #member(id: MemberId): Member {
    return this.#members.get(id) as Member;
  }
}
